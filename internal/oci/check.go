package oci

import (
	"context"
	"net/http"
)

// CheckPush says whether the credentials may write to a repository. It begins an
// upload and gives it up: only that tells, and it leaves nothing.
func (c *Client) CheckPush(ctx context.Context, repository string) error {
	a := toPush(repository)
	return c.call(ctx, "check that "+repository+" may be written", a, func(ctx context.Context, s *session) error {
		location, err := s.startUpload(ctx, "", "")
		if err != nil {
			return err
		}
		response, err := s.send(ctx, request{method: http.MethodDelete, path: location}, http.StatusNoContent, http.StatusOK, http.StatusAccepted)
		if err == nil { // else the registry will forget the upload by itself
			discard(response)
		}
		return nil
	})
}
