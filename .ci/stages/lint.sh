. .ci/lib.sh
npm run lint
