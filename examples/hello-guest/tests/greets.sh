# Does the program given as $1 greet as its configuration says?
set -eu
config=$(mktemp)
trap 'rm -f "$config"' EXIT
echo 'greeting = Good morning' > "$config"
"$1" --config "$config" --once | grep -q '^Good morning, '
"$1" --version | grep -q '^hello-guest '
echo 'nonsense' > "$config"
if "$1" --config "$config" --once 2>/dev/null; then
	echo "a configuration that makes no sense was taken" >&2
	exit 1
fi
