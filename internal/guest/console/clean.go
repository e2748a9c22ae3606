package console

import "bytes"

const escape = 0x1b

// clean is a line without carriage returns and without the escape sequences that move
// the cursor and set colours. A line that has none is returned as it is; another is
// written into room, which is returned for the next one.
func clean(line, room []byte) (cleaned, nextRoom []byte) {
	if bytes.IndexByte(line, escape) < 0 {
		line = bytes.TrimRight(line, "\r")
		if bytes.IndexByte(line, '\r') < 0 {
			return line, room
		}
	}
	room = room[:0]
	for i := 0; i < len(line); {
		switch line[i] {
		case '\r':
			i++
		case escape:
			i += sequence(line[i:])
		default:
			room = append(room, line[i])
			i++
		}
	}
	return room, room
}

// sequence is how long the escape sequence is that p begins with. One that does not
// end takes the escape character alone, so that it hides nothing.
func sequence(p []byte) int {
	if len(p) < 2 {
		return 1
	}
	switch p[1] {
	case '[': // ends with a letter or one of @ ` { | } ~
		for i := 2; i < len(p); i++ {
			switch {
			case p[i] >= 0x40 && p[i] <= 0x7e:
				return i + 1
			case p[i] < 0x20 || p[i] > 0x3f:
				return 1
			}
		}
		return 1
	case ']', 'P', 'X', '^', '_': // a string that ends with BEL or ESC \
		for i := 2; i < len(p); i++ {
			if p[i] == 0x07 {
				return i + 1
			}
			if p[i] == escape && i+1 < len(p) && p[i+1] == '\\' {
				return i + 2
			}
		}
		return 1
	case '(', ')', '#', '%':
		return min(3, len(p))
	}
	return 2
}
