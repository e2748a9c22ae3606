package gerrit

import (
	"fmt"
	"os"
	"strings"
)

// CookieFile reads the value of the cookie from a file of git's http.cookieFile, as Prow's
// components do: it is the last word. The file is read at each poll, since it is renewed.
func CookieFile(path string) func() (string, error) {
	return func() (string, error) {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read cookie: %w", err)
		}
		words := strings.Fields(string(data))
		if len(words) == 0 {
			return "", fmt.Errorf("read cookie: %s is empty: put git's cookie for Gerrit into it", path)
		}
		return words[len(words)-1], nil
	}
}
