. .ci/lib.sh
npm run build
