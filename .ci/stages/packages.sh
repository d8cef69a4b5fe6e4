. .ci/lib.sh
# publint and attw on each package, then all of them as tarballs in an empty project.
check publint-and-attw npm run check:package
counted tarballs "$work/tarballs.txt" node scripts/check-tarballs.mjs
finish
