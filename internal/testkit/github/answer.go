package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// answer is a whole answer, held back until it is known what becomes of it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newAnswer() *answer { return &answer{status: http.StatusOK, header: http.Header{}} }

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }
func (a *answer) Write(p []byte) (int, error) {
	a.body = append(a.body, p...)
	return len(p), nil
}

// apiError is an answer that says no, as GitHub words it.
type apiError struct {
	status  int
	message string
	errors  []fieldError
	doc     string // the page that GitHub points to, below docs.github.com/rest
}

// fieldError is GitHub's account of one bad field.
type fieldError struct {
	Resource string `json:"resource"`
	Field    string `json:"field,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.status, e.message) }

func notFound() *apiError { return &apiError{status: http.StatusNotFound, message: "Not Found"} }

func unprocessable(format string, args ...any) *apiError {
	return &apiError{status: http.StatusUnprocessableEntity, message: fmt.Sprintf(format, args...)}
}

// invalid is GitHub's 422 for a field: code is missing, missing_field, invalid or already_exists.
func invalid(resource, field, code string) *apiError {
	return &apiError{
		status:  http.StatusUnprocessableEntity,
		message: "Validation Failed",
		errors:  []fieldError{{Resource: resource, Field: field, Code: code}},
	}
}

// statusOf is the status that err is answered with; what is no apiError is a 500.
func statusOf(err error) int {
	if refused, ok := errors.AsType[*apiError](err); ok {
		return refused.status
	}
	return http.StatusInternalServerError
}

func writeError(w http.ResponseWriter, e *apiError) {
	writeJSON(w, e.status, struct {
		Message string       `json:"message"`
		Errors  []fieldError `json:"errors,omitempty"`
		Doc     string       `json:"documentation_url"`
		Status  string       `json:"status"`
	}{e.message, e.errors, "https://docs.github.com/rest" + e.doc, fmt.Sprint(e.status)})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	switch v := v.(type) {
	case nil:
		w.WriteHeader(status)
		return
	case text:
		v.writeTo(w, status)
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"message":"Server Error"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
