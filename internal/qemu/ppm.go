package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"image"
)

const mostPixels = 64 << 20

// decodePPM reads a picture as QEMU writes it: P6, three bytes a pixel.
func decodePPM(data []byte) (image.Image, error) {
	var width, height, most int
	in := bytes.NewReader(data)
	if _, err := fmt.Fscanf(in, "P6\n%d %d\n%d\n", &width, &height, &most); err != nil || most != 255 {
		return nil, errors.New("it is no PPM picture of three bytes a pixel")
	}
	pixels := data[len(data)-in.Len():]
	if width <= 0 || height <= 0 || width > mostPixels/height || len(pixels) < width*height*3 {
		return nil, fmt.Errorf("a PPM picture of %d by %d has %d bytes", width, height, len(pixels))
	}
	picture := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		copy(picture.Pix[i*4:], pixels[i*3:i*3+3])
		picture.Pix[i*4+3] = 0xff
	}
	return picture, nil
}
