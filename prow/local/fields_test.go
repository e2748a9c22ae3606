package local

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// everyField lists the path of every field below a type, as the table writes them.
func everyField(t reflect.Type, path string, found map[string]reflect.Type) {
	for i := range t.NumField() {
		field, name := t.Field(i).Type, join(path, fieldName(t.Field(i)))
		suffix := ""
		for field.Kind() == reflect.Pointer || field.Kind() == reflect.Slice && isObject(field.Elem()) {
			if field.Kind() == reflect.Slice {
				suffix = "[]"
			}
			field = field.Elem()
		}
		if name != path {
			found[pattern(name)] = t.Field(i).Type
		}
		if isObject(field) {
			everyField(field, pattern(name+suffix), found)
		}
	}
}

// Every field of the API has one verdict, and every verdict a field, so that a newer
// API cannot bring a field that is dropped in silence.
func TestTableCoversTheAPI(t *testing.T) {
	fields := map[string]reflect.Type{}
	everyField(reflect.TypeFor[corev1.PodSpec](), "", fields)
	used := map[string]bool{}
	verdicts := newTable()
	for path, kind := range fields {
		f, covered := coveredBy(verdicts, path)
		used[f.Path] = true
		if !covered && isLeaf(kind) {
			t.Errorf("the table has no verdict on %s", path)
		}
		if covered && f.Path == path && !isLeaf(kind) && !f.Whole {
			t.Errorf("the verdict on %s leaves out the fields below it; write .* or each of them", path)
		}
	}
	if len(verdicts) != len(Fields()) {
		t.Error("a field has two verdicts")
	}
	for _, f := range Fields() {
		switch {
		case !used[f.Path]:
			t.Errorf("the table's %s is no field of the API", f.Path)
		case f.Whole && f.Verdict != Dropped && f.Verdict != Refused:
			t.Errorf("%s.* is %s; what is taken over must be named field by field", f.Path, f.Verdict)
		case f.Why == "" && f.Verdict != Honoured:
			t.Errorf("%s is %s without a reason", f.Path, f.Verdict)
		}
	}
	if len(fields) < 300 {
		t.Errorf("only %d fields were found; the walk does not see the API", len(fields))
	}
}

// coveredBy is the verdict on a field itself or on all below one above it.
func coveredBy(verdicts table, path string) (Field, bool) {
	if f, ok := verdicts.find(path); ok {
		return f, true
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '.' {
			continue
		}
		if f, ok := verdicts.find(strings.TrimSuffix(path[:i], "[]")); ok && f.Whole {
			return f, true
		}
	}
	return Field{}, false
}

// Whatever field of the API is set, the planner refuses it by name, drops it and says
// so, or has a row that says how it is taken over.
func TestSettleSeesEveryField(t *testing.T) {
	for _, f := range Fields() {
		spec := corev1.PodSpec{}
		set(reflect.ValueOf(&spec).Elem(), f.Path)
		var made changes
		refused := settle(&spec, &made)
		switch {
		case (f.Verdict == Refused) != (len(refused) == 1):
			t.Errorf("%s is %s, and settle refused %q", f.Path, f.Verdict, refused)
		case f.Verdict == Refused && !strings.HasPrefix(index.ReplaceAllString(refused[0], "[]"), "spec."+f.Path+": "):
			t.Errorf("%s was refused as %q", f.Path, refused[0])
		case (f.Verdict == Dropped) != (len(made.list) == 1):
			t.Errorf("%s is %s, and settle made the changes %+v", f.Path, f.Verdict, made.list)
		}
	}
}

// set gives the field at path, and nothing else, a value.
func set(v reflect.Value, path string) {
	for v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if path == "" {
		fill(v)
		return
	}
	name, rest, _ := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(name, "[]")
	field := named(v, name)
	if !field.IsValid() {
		panic(fmt.Sprintf("%s has no field %s", v.Type(), name))
	}
	if isList {
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		field = field.Index(0)
	}
	set(field, rest)
}

// named finds a field by its name in YAML, in what is inlined too.
func named(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if fieldName(f) == name {
			return v.Field(i)
		}
		if inner := (reflect.Value{}); fieldName(f) == "" && f.Anonymous {
			if inner = named(v.Field(i), name); inner.IsValid() {
				return inner
			}
		}
	}
	return reflect.Value{}
}

// fill gives v some value that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Struct: // no fields is a pointer that is set
		if v.NumField() > 0 && v.CanSet() && v.Field(0).Kind() != reflect.Struct && v.Field(0).CanSet() {
			for v.Field(0).Kind() == reflect.Pointer {
				set(v.Field(0), "")
				return
			}
			fill(v.Field(0))
		}
	}
}

func TestSettleRefusesTheUnknown(t *testing.T) {
	known := newTable()
	if _, ok := known.find("initContainers[3].env[12].valueFrom.secretKeyRef.key"); !ok {
		t.Error("a key of an init container's environment is not known")
	}
	if slices.ContainsFunc(Fields(), func(f Field) bool { return strings.HasPrefix(f.Path, "initContainers") }) {
		t.Error("init containers have a verdict of their own, which is never found")
	}
}
