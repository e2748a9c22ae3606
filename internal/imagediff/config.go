package imagediff

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// compareConfigs gives the settings that differ, sorted within each field.
func compareConfigs(a, b Config) []Change {
	c := appendText(nil, "user", a.User, b.User)
	c = appendText(c, "working dir", a.WorkingDir, b.WorkingDir)
	c = appendText(c, "stop signal", a.StopSignal, b.StopSignal)
	c = appendText(c, "entrypoint", words(a.Entrypoint), words(b.Entrypoint))
	c = appendText(c, "cmd", words(a.Cmd), words(b.Cmd))
	c = appendNamed(c, "env", variables(a.Env), variables(b.Env))
	c = appendNamed(c, "label", a.Labels, b.Labels)
	c = appendNamed(c, "exposed port", present(a.Ports), present(b.Ports))
	return appendNamed(c, "volume", present(a.Volumes), present(b.Volumes))
}

// appendText compares a setting that is unset when it is empty.
func appendText(changes []Change, field, a, b string) []Change {
	if a == b {
		return changes
	}
	return append(changes, Change{field, "", value(a, a != ""), value(b, b != "")})
}

func appendNamed(changes []Change, field string, a, b map[string]string) []Change {
	names := slices.Sorted(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		before, had := a[name]
		after, has := b[name]
		if had != has || before != after {
			changes = append(changes, Change{field, name, value(before, had), value(after, has)})
		}
	}
	return changes
}

func value(text string, isSet bool) *string {
	if !isSet {
		return nil
	}
	return &text
}

// words are written as a Dockerfile writes them.
func words(list []string) string {
	if len(list) == 0 {
		return ""
	}
	text, _ := json.Marshal(list) // of strings, which cannot fail
	return string(text)
}

func variables(env []string) map[string]string {
	all := map[string]string{}
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		all[name] = text
	}
	return all
}

func present(list []string) map[string]string {
	all := map[string]string{}
	for _, name := range list {
		all[name] = ""
	}
	return all
}
