package imagediff

import (
	"path"
	"strings"
)

// The package managers. Whether a package of one is another's is nobody's question.
const (
	dpkg = "dpkg"
	apk  = "apk"
	rpm  = "rpm" // whose databases are noticed but not read
)

// database is where a package manager keeps what it installed: a file, or a folder of
// files that each hold a part, as distroless images have it.
type database struct {
	format   string
	path     string
	isFolder bool
}

// databases are those that are known. usr/lib/sysimage is where images go whose /var is
// the machine's and not the image's.
var databases = []database{
	{dpkg, "var/lib/dpkg/status", false},
	{dpkg, "var/lib/dpkg/status.d", true},
	{dpkg, "usr/lib/sysimage/dpkg/status", false},
	{dpkg, "usr/lib/sysimage/dpkg/status.d", true},
	{apk, "lib/apk/db/installed", false},
	{apk, "usr/lib/apk/db/installed", false},
	{rpm, "var/lib/rpm", true},
	{rpm, "usr/lib/sysimage/rpm", true},
	{rpm, "usr/share/rpm", true},
}

// below are the databases at a path or below it.
func below(name string) []database {
	var found []database
	for _, db := range databases {
		if rest, ok := strings.CutPrefix(db.path, name); ok && (rest == "" || rest[0] == '/') {
			found = append(found, db)
		}
	}
	return found
}

// partOf is the database that a file is, or is a part of.
func partOf(name string) (database, bool) {
	for _, db := range databases {
		if !db.isFolder && db.path == name || db.isFolder && path.Dir(name) == db.path {
			return db, true
		}
	}
	return database{}, false
}

// isPart says whether a file of a folder lists packages: beside each list, distroless
// images keep the checksums of the package's files.
func (d database) isPart(name string) bool { return !strings.HasSuffix(name, ".md5sums") }

// trace is what one layer does to one database.
type trace struct {
	parts map[string][]Package // by path; rpm's are only known to be there
	gone  map[string]bool      // parts of lower layers that are deleted
	hides bool                 // no lower layer has any say
	notes []string             // what stands in its place and is not read
}

// view is what an image has in a database.
type view struct {
	packages []Package
	notes    []string // what stands in its place and is not read
	isThere  bool
}

// look is what the layers make of a database, the highest first. It asks for a layer's
// trace, which is nil where the layer leaves the database alone, only as long as lower
// layers have a say.
func look(layers []Layer, trace func(Layer) (*trace, error)) (v view, err error) {
	decided := map[string]bool{}
	for _, layer := range layers {
		t, err := trace(layer)
		if err != nil {
			return view{}, err
		}
		if t == nil {
			continue
		}
		for name, part := range t.parts {
			if !decided[name] {
				v.packages, v.isThere, decided[name] = append(v.packages, part...), true, true
			}
		}
		for name := range t.gone {
			decided[name] = true
		}
		v.notes = append(v.notes, t.notes...)
		if t.hides {
			break
		}
	}
	return v, nil
}
