. .ci/lib.sh
npm ci --no-audit --no-fund
