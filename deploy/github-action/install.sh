#!/usr/bin/env bash
# install.sh VERSION DIR downloads a release for this machine, holds it against the
# release's checksums, and puts the command into DIR. SERIN_DOWNLOADS is where releases are.
set -euo pipefail

version=${1:?which version? for example v0.1.0} dir=${2:?into which folder?}
case $(uname -s) in
Linux) os=linux ;;
Darwin) os=darwin ;;
*) os=windows ;;
esac
case $(uname -m) in
x86_64 | amd64) arch=amd64 ;;
arm64 | aarch64) arch=arm64 ;;
*) echo "There is no release for $(uname -m)." >&2 && exit 1 ;;
esac
end=tar.gz
[ "$os" = windows ] && end=zip
archive=serin_${version#v}_${os}_${arch}.$end
from=${SERIN_DOWNLOADS:-https://github.com/serin-canary/serin/releases/download}/$version

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for file in checksums.txt "$archive"; do
	curl --fail --silent --show-error --location --retry 3 --output "$file" "$from/$file"
done
sum=$(awk -v name="$archive" '$2 == name { print $1 }' checksums.txt)
if [ -z "$sum" ]; then
	echo "checksums.txt of $version does not name $archive." >&2
	exit 1
fi
if command -v sha256sum >/dev/null; then
	got=$(sha256sum "$archive")
else
	got=$(shasum -a 256 "$archive")
fi
if [ "${got%% *}" != "$sum" ]; then
	echo "$archive has the sum ${got%% *}, and the release says $sum. It is not used." >&2
	exit 1
fi
if [ "$end" = zip ]; then
	unzip -q "$archive"
else
	tar -xzf "$archive"
fi
mkdir -p "$dir"
command=serin
[ "$os" = windows ] && command=serin.exe
cp "$command" "$dir/"
"$dir/$command" version
if [ -n "${GITHUB_PATH:-}" ]; then
	echo "$dir" >>"$GITHUB_PATH"
fi
