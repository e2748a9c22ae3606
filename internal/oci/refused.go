package oci

import "net/http"

// IsRefused says whether the registry answered that it will not do what it was asked. After
// any other error it may have done it all the same, or may do it yet.
func IsRefused(err error) bool {
	code := status(err)
	return code >= 400 && code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests
}
