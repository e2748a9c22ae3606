package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// MarshalJSON is how this project writes JSON that is kept: indented by two
// spaces, HTML unescaped, one newline at the end. The same value always gives
// the same bytes, so that creating it twice is no conflict.
func MarshalJSON(value any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode %T: %w", value, err)
	}
	return buf.Bytes(), nil
}

// CreateJSON creates key with value as MarshalJSON writes it.
func CreateJSON(ctx context.Context, s Store, key string, value any) error {
	data, err := MarshalJSON(value)
	if err != nil {
		return fmt.Errorf("create %s: %w", key, err)
	}
	return s.Create(ctx, key, bytes.NewReader(data))
}

// ReadJSON reads key into the value that into points to. Fields that into does
// not know are ignored, so that older programs read what newer ones wrote.
func ReadJSON(ctx context.Context, s Store, key string, into any) error {
	body, err := s.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read %s: %w", s.URL(key), err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("parse %s: %w", s.URL(key), err)
	}
	return nil
}
