#!/usr/bin/env bash
# Makes an image of some 290 MB of gzip in three layers: Debian, Python with Node.js, a C compiler with Java. Two minutes.
# Usage: make-large-image.sh LAYOUT   (an OCI layout directory, made; its tag is "large")
tag=large
. "$(dirname "$0")/../../system-tests/debian-image.sh"

make_base
add_layer install_packages python3 python3-numpy nodejs
add_layer install_packages gcc libc6-dev default-jre-headless
umoci gc --layout "$layout"
