package disk

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/disk/tree"
)

// kargsFolder is where a bootc image keeps kernel arguments.
const kargsFolder = "/usr/lib/bootc/kargs.d"

const maxKargs = 1 << 20

// imageArguments are the kernel arguments that the image asks for, in the order of its files.
func imageArguments(root *tree.Node) ([]string, error) {
	var all []string
	for _, name := range names(root, kargsFolder) {
		n := file(root, path.Join(kargsFolder, name))
		if n == nil || path.Ext(name) != ".toml" {
			continue
		}
		if n.Size > maxKargs {
			return nil, fmt.Errorf("%s/%s has %d bytes, more than %d", kargsFolder, name, n.Size, maxKargs)
		}
		data, err := os.ReadFile(n.Content)
		if err != nil {
			return nil, err
		}
		arguments, err := parseKargs(string(data))
		if err != nil {
			return nil, fmt.Errorf("parse %s/%s: %w", kargsFolder, name, err)
		}
		all = append(all, arguments...)
	}
	for _, argument := range all {
		if err := checkArgument(argument); err != nil {
			return nil, fmt.Errorf("%s: %w", kargsFolder, err)
		}
	}
	return all, nil
}

// parseKargs reads bootc's form: the keys kargs and match-architectures, each a list of
// strings. It is TOML, of which nothing else is understood; bootc refuses other keys too.
func parseKargs(text string) ([]string, error) {
	lists := map[string][]string{}
	p := &kargsParser{text: text}
	for p.skip(true); p.text != ""; p.skip(true) {
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		if lists[key] != nil {
			return nil, fmt.Errorf("%s is there twice", key)
		}
		if lists[key], err = p.list(); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if p.skip(false); p.text != "" && p.text[0] != '\n' {
			return nil, fmt.Errorf("%s: something follows its list in the same line", key)
		}
	}
	if lists["kargs"] == nil {
		return nil, errors.New("it has no kargs")
	}
	if match := lists["match-architectures"]; match != nil && !slices.Contains(match, "x86_64") {
		return nil, nil
	}
	return lists["kargs"], nil
}

type kargsParser struct{ text string }

// skip goes over spaces and comments, and over ends of lines if it may.
func (p *kargsParser) skip(lines bool) {
	spaces := " \t\r"
	if lines {
		spaces += "\n"
	}
	for {
		p.text = strings.TrimLeft(p.text, spaces)
		if !strings.HasPrefix(p.text, "#") {
			return
		}
		end := strings.IndexByte(p.text, '\n')
		if end < 0 {
			end = len(p.text)
		}
		p.text = p.text[end:]
	}
}

func (p *kargsParser) key() (string, error) {
	line, _, _ := strings.Cut(p.text, "\n")
	key, _, found := strings.Cut(line, "=")
	name := strings.Trim(strings.TrimSpace(key), `"'`)
	if !found || name != "kargs" && name != "match-architectures" {
		return "", fmt.Errorf("%q is not understood; kargs = [\"NAME=VALUE\"] and match-architectures are", line)
	}
	p.text = p.text[len(key)+1:]
	return name, nil
}

func (p *kargsParser) list() ([]string, error) {
	list := []string{}
	if p.skip(false); !strings.HasPrefix(p.text, "[") {
		return nil, errors.New("it is no list of strings")
	}
	p.text = p.text[1:]
	for {
		if p.skip(true); strings.HasPrefix(p.text, "]") {
			p.text = p.text[1:]
			return list, nil
		}
		item, err := p.item()
		if err != nil {
			return nil, err
		}
		list = append(list, item)
		p.skip(true)
		switch {
		case strings.HasPrefix(p.text, ","):
			p.text = p.text[1:]
		case !strings.HasPrefix(p.text, "]"):
			return nil, errors.New("its list does not end")
		}
	}
}

// item reads a string. An escape is refused: no kernel argument needs one.
func (p *kargsParser) item() (string, error) {
	if p.text == "" || p.text[0] != '"' && p.text[0] != '\'' {
		return "", errors.New("an item of its list is no string")
	}
	item, rest, found := strings.Cut(p.text[1:], p.text[:1])
	if !found || strings.ContainsAny(item, "\\\n") {
		return "", errors.New("a string of its list does not end, or holds an escape, which is not understood")
	}
	p.text = rest
	return item, nil
}
