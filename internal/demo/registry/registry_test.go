package registry

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The door asks for a password, and lets only the Janitor delete.
func TestDoor(t *testing.T) {
	inside := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	d := door{map[string]string{"ci": "right", Janitor: "other"}, inside}
	tests := []struct {
		user, password, method string
		want                   int
	}{
		{"", "", http.MethodGet, http.StatusUnauthorized},
		{"ci", "wrong", http.MethodGet, http.StatusUnauthorized},
		{"ci", "other", http.MethodGet, http.StatusUnauthorized},
		{"nobody", "", http.MethodGet, http.StatusUnauthorized},
		{"ci", "right", http.MethodGet, http.StatusAccepted},
		{"ci", "right", http.MethodPut, http.StatusAccepted},
		{"ci", "right", http.MethodDelete, http.StatusForbidden},
		{Janitor, "other", http.MethodDelete, http.StatusAccepted},
	}
	for _, tt := range tests {
		request := httptest.NewRequest(tt.method, "/v2/", nil)
		if tt.user != "" {
			request.SetBasicAuth(tt.user, tt.password)
		}
		answer := httptest.NewRecorder()
		d.ServeHTTP(answer, request)
		if answer.Code != tt.want {
			t.Errorf("%s with %s:%s: %d, want %d", tt.method, tt.user, tt.password, answer.Code, tt.want)
		}
	}
}
