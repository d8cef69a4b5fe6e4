. .ci/lib.sh
npm run typecheck
