. .ci/lib.sh
npm run check:package
