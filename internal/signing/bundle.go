package signing

import (
	"bytes"
	"encoding/json"
	"fmt"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"google.golang.org/protobuf/encoding/protojson"
)

// MediaType is what a bundle is, for a registry.
const MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// MaxSize is the size of the largest bundle that is read, in bytes: a hundred
// thousand names of tests fit in.
const MaxSize = 16 << 20

const payloadType = "application/vnd.in-toto+json"

// content is all that differs from bundle to bundle.
type content struct {
	hint      string // ID of the key
	statement []byte
	signature []byte
}

// encode writes the one form of a bundle. The signature names no key itself: other
// tools would take that for the name of a key by their own rules.
func (c content) encode() ([]byte, error) {
	bundle := &bundlepb.Bundle{
		MediaType: MediaType,
		VerificationMaterial: &bundlepb.VerificationMaterial{
			Content: &bundlepb.VerificationMaterial_PublicKey{PublicKey: &commonpb.PublicKeyIdentifier{Hint: c.hint}},
		},
		Content: &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: &dssepb.Envelope{
			Payload: c.statement, PayloadType: payloadType, Signatures: []*dssepb.Signature{{Sig: c.signature}},
		}},
	}
	loose, err := protojson.Marshal(bundle)
	if err != nil {
		return nil, fmt.Errorf("encode bundle: %w", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, loose); err != nil { // protojson's spaces differ from binary to binary
		return nil, fmt.Errorf("encode bundle: %w", err)
	}
	if out.Len() > MaxSize {
		return nil, fmt.Errorf("encode bundle: it has %d bytes, more than %d; leave out names of tests", out.Len(), MaxSize)
	}
	return out.Bytes(), nil
}

// decode reads a bundle, and refuses it unless writing its content again gives the
// same bytes. That also refuses whatever a content does not hold.
func decode(data []byte) (content, error) {
	if len(data) > MaxSize {
		return content{}, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, MaxSize)
	}
	var bundle bundlepb.Bundle
	if err := protojson.Unmarshal(data, &bundle); err != nil {
		return content{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	envelope := bundle.GetDsseEnvelope()
	if len(envelope.GetSignatures()) != 1 {
		return content{}, fmt.Errorf("%w: it has %d signatures instead of one", ErrMalformed, len(envelope.GetSignatures()))
	}
	c := content{
		hint:      bundle.GetVerificationMaterial().GetPublicKey().GetHint(),
		statement: envelope.GetPayload(),
		signature: envelope.GetSignatures()[0].GetSig(),
	}
	again, err := c.encode()
	if err != nil {
		return content{}, err
	}
	if !bytes.Equal(again, data) {
		return content{}, fmt.Errorf("%w: it is written in another way", ErrMalformed)
	}
	return c, nil
}
