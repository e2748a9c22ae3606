package channel

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Load reads a channels.yaml and the key files that it names, which lie relative to
// it, and checks all of it. The error names everything that is wrong.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the channels' configuration, which --config names: %w", err)
	}
	folder := filepath.Dir(path)
	c, err := Parse(data, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(folder, name)
		}
		return os.ReadFile(name)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse is Load of bytes; read opens the key files that they name.
func Parse(data []byte, read func(name string) ([]byte, error)) (*Config, error) {
	var c Config
	if err := yaml.UnmarshalStrict(data, &c); err != nil {
		return nil, err
	}
	c.byName = make(map[string]int, len(c.Artifacts))
	for i, a := range c.Artifacts {
		c.byName[a.Name] = i
	}
	c.person = map[string]string{}
	for person, names := range c.People {
		for _, name := range append(names, person) {
			c.person[normal(name)] = normal(person)
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	for name, s := range c.Signers {
		if err := s.load(read); err != nil {
			return nil, fmt.Errorf("signer %s: %w", name, err)
		}
		c.Signers[name] = s
	}
	return &c, nil
}

func (s *Signer) load(read func(name string) ([]byte, error)) (err error) {
	if s.Data, err = read(s.file()); err != nil {
		return err
	}
	if len(bytes.TrimSpace(s.Data)) == 0 {
		return fmt.Errorf("%s holds no key", s.file())
	}
	if block, _ := pem.Decode(s.Data); s.Key != "" && (block == nil || block.Type != "PUBLIC KEY") {
		return fmt.Errorf("%s is no PEM public key; `slipway evidence keygen` writes one", s.file())
	}
	return nil
}

func (s *Signer) file() string { return s.Key + s.OpenPGP + s.SSH }
