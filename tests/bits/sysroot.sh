#!/bin/bash
# sysroot.sh - the libraries that Guerdon and its tests need, for AArch64, in a separate directory.
#     sysroot.sh DIR
#
# They come from the archives configured for this Debian's apt.  Nothing outside DIR changes, and root is not needed:
# apt keeps its lists and cache and finds its configuration in DIR, and the packages are unpacked, not installed.  The
# C library is that of the package libc6-dev-arm64-cross.
set -euo pipefail

dir=$(mkdir -p "$1" && cd "$1" && pwd)
packages=(libjansson-dev libjansson4 libyaml-dev libyaml-0-2 libpcre2-dev libpcre2-8-0 zlib1g-dev zlib1g
    libzstd-dev libzstd1 libcmocka-dev libcmocka0)

[ -f "$dir/complete" ] && exit
rm -rf "$dir/apt" "$dir/root"
mkdir -p "$dir/apt/state/lists/partial" "$dir/apt/cache/archives/partial" "$dir/apt/packages" "$dir/root"
cat >"$dir/apt/conf" <<END
#clear APT::Architectures;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Debug::NoLocking "true";
Dir::State "$dir/apt/state";
Dir::State::status "/dev/null";
Dir::Cache "$dir/apt/cache";
END
export APT_CONFIG=$dir/apt/conf

apt-get -q update || true # an archive without arm64 does no harm if another one has the packages
cd "$dir/apt/packages"
apt-get -q download "${packages[@]}"
for package in *.deb; do
    dpkg -x "$package" "$dir/root"
done
# links to absolute paths assume that this is the root directory
find "$dir/root" -type l -lname '/*' | while read -r link; do
    ln -sf "$dir/root$(readlink "$link")" "$link"
done
rm -rf "$dir/apt"
touch "$dir/complete"
