# staged.sh - installs this build below $work/root, and lets pkg-config find it there: sourced by tests, which have set
# build and work, and have fail and skip.
pkg-config --version >/dev/null 2>&1 || skip "no pkg-config"
root=$work/root
"${MAKE:-make}" -C "$build" DESTDIR="$root" install >"$work/log" 2>&1 || { cat "$work/log"; fail "make install"; }
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name guerdon.pc)")
PKG_CONFIG_SYSROOT_DIR=$root
PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 # also when the prefix is /usr
PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_ALLOW_SYSTEM_CFLAGS PKG_CONFIG_ALLOW_SYSTEM_LIBS
