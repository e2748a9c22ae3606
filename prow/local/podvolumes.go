package local

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// replaceVolumes puts folders of this machine in the place of volumes, by name.
func (l *localizer) replaceVolumes() error {
	var names []string
	for _, v := range l.pod.Spec.Volumes {
		names = append(names, v.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Volumes)) {
		i := slices.Index(names, name)
		if i < 0 {
			return fmt.Errorf("--volume %s: it has no volume of that name, but %s", name, strings.Join(names, ", "))
		}
		folder, err := filepath.Abs(l.Volumes[name])
		if err != nil {
			return err
		}
		if _, err := os.Stat(folder); err != nil {
			l.files = append(l.files, File{Path: folder, Mode: fs.ModeDir | 0o755})
		}
		l.changes.add(fmt.Sprintf("spec.volumes[%d]", i), kindOf(l.pod.Spec.Volumes[i]), folder, "asked for")
		l.pod.Spec.Volumes[i] = hostPath(name, folder)
	}
	return nil
}

// kindOf names the source of a volume.
func kindOf(v corev1.Volume) string {
	kind := ""
	walk(reflect.ValueOf(v.VolumeSource), "", func(path string, _ reflect.Value) bool {
		kind = path
		return false
	})
	return kind
}

// placeVolumes gives every volume a folder of this machine.
func (l *localizer) placeVolumes() {
	for i := range l.pod.Spec.Volumes {
		v := &l.pod.Spec.Volumes[i]
		field := fmt.Sprintf("spec.volumes[%d]", i)
		folder := filepath.Join(l.scratch, v.Name)
		switch {
		case v.HostPath != nil:
			l.folders[v.Name] = v.HostPath.Path
			continue
		case v.EmptyDir != nil:
			l.files = append(l.files, File{Path: folder, Mode: fs.ModeDir | 0o777})
			l.changes.add(field, "emptyDir", folder, "podman shares an empty volume with every pod that has one of that name")
		case v.Secret != nil || v.ConfigMap != nil || v.Projected != nil:
			l.files = append(l.files, File{Path: folder, Mode: fs.ModeDir | 0o755})
			l.placeKeys(*v, folder)
			l.changes.add(field, kindOf(*v), folder, "from the folder of --secrets")
		default:
			continue // refused by the table
		}
		*v = hostPath(v.Name, folder)
		l.folders[v.Name] = folder
	}
}

// placeKeys puts the keys of a volume's secrets and config maps into its folder.
func (l *localizer) placeKeys(v corev1.Volume, folder string) {
	for _, p := range projections(v) {
		l.place(p, "volume "+v.Name, folder)
	}
}

// projection is one secret or config map that a volume shows.
type projection struct {
	object
	items []corev1.KeyToPath
	mode  *int32
}

// projections are what a volume shows, whichever of three ways it is written.
func projections(v corev1.Volume) []projection {
	switch {
	case v.Secret != nil:
		return []projection{{object{"secret", v.Secret.SecretName, isTrue(v.Secret.Optional)}, v.Secret.Items, v.Secret.DefaultMode}}
	case v.ConfigMap != nil:
		return []projection{{object{"config map", v.ConfigMap.Name, isTrue(v.ConfigMap.Optional)}, v.ConfigMap.Items, v.ConfigMap.DefaultMode}}
	}
	var all []projection
	for _, s := range v.Projected.Sources {
		if s.Secret != nil {
			all = append(all, projection{object{"secret", s.Secret.Name, isTrue(s.Secret.Optional)}, s.Secret.Items, v.Projected.DefaultMode})
		}
		if s.ConfigMap != nil {
			all = append(all, projection{object{"config map", s.ConfigMap.Name, isTrue(s.ConfigMap.Optional)}, s.ConfigMap.Items, v.Projected.DefaultMode})
		}
	}
	return all
}

func isTrue(b *bool) bool { return b != nil && *b }

// place makes a file of each key that is asked for, or of all.
func (l *localizer) place(p projection, where, folder string) {
	items := p.items
	if len(items) == 0 {
		for _, key := range l.keys(p.object, where) {
			items = append(items, corev1.KeyToPath{Key: key, Path: key})
		}
	}
	for _, item := range items {
		mode := fs.FileMode(0o644)
		for _, asked := range []*int32{p.mode, item.Mode} {
			if asked != nil {
				mode = fs.FileMode(*asked) & fs.ModePerm
			}
		}
		target := filepath.Join(folder, filepath.FromSlash(item.Path))
		if !filepath.IsLocal(item.Path) {
			l.refuse(where, "path %s leaves the volume", item.Path)
			continue
		}
		if from, ok := l.file(p.object, item.Key, where); ok {
			if inner := filepath.Dir(target); inner != folder {
				l.files = append(l.files, File{Path: inner, Mode: fs.ModeDir | 0o755})
			}
			l.files = append(l.files, File{Path: target, Mode: mode, From: from})
		}
	}
}

// splitSubPaths gives each mount of a part of a volume a volume of its own.
func (l *localizer) splitSubPaths(field string, c *corev1.Container) {
	values := environment(c.Env)
	for i := range c.VolumeMounts {
		m := &c.VolumeMounts[i]
		part := m.SubPath
		if m.SubPathExpr != "" {
			part = expand(m.SubPathExpr, values)
		}
		folder, ok := l.folders[m.Name]
		if part == "" || !ok {
			continue
		}
		if !filepath.IsLocal(part) {
			l.refuse(fmt.Sprintf("%s.volumeMounts[%d].subPath", field, i), "%s leaves the volume", part)
			continue
		}
		part = filepath.Join(folder, part)
		if l.isEmptyDir(folder) {
			l.files = append(l.files, File{Path: part, Mode: fs.ModeDir | 0o777})
		}
		l.shared++
		name := fmt.Sprintf("slipway-part-%d", l.shared)
		l.pod.Spec.Volumes = append(l.pod.Spec.Volumes, hostPath(name, part))
		l.changes.add(fmt.Sprintf("%s.volumeMounts[%d].subPath", field, i), m.SubPath+m.SubPathExpr, part, "podman ignores it")
		m.Name, m.SubPath, m.SubPathExpr = name, "", ""
	}
}

// isEmptyDir says whether a folder of the scratch began empty, so that the pod
// expects what it mounts of it to be made.
func (l *localizer) isEmptyDir(folder string) bool {
	return slices.ContainsFunc(l.files, func(f File) bool { return f.Path == folder && f.Mode.Perm() == 0o777 })
}
