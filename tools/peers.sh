#!/usr/bin/env bash
# What stands in for AWS Lambda in the specs, fetched into cache/ once.
#
#   tools/peers.sh fetch     Amazon's Runtime Interface Emulator (out of a PyPI wheel) and npm's @vercel/fun
#
# What cannot be had is said and left out: its specs are pending then.
. "$(dirname "$0")/common.sh"

SAM=1.170.0                                  # the wheel of aws-sam-cli carries the emulator as a static binary
SAM_SHA512=6nqyas3JLHRvnW5wcoTPr/jM5eni/L0yK1mbLr5jIJG3cv6PVdGr6emz/Yy8/mIssdKtSbw6UiXJY4WpG5vGPQ==
FUN=1.3.6

fetch_rie () {
  local architecture new=cache/rie.new wheel
  case $(uname -m) in x86_64) architecture=x86_64 ;; aarch64) architecture=arm64 ;; *) return 1 ;; esac
  command -v pip > /dev/null && command -v unzip > /dev/null || return
  say "fetching aws-sam-cli $SAM"
  rm -rf "$new"
  mkdir -p "$new"
  attend pip download --quiet --disable-pip-version-check --no-deps --dest "$new" "aws-sam-cli==$SAM" || return
  wheel=$(echo "$new"/*.whl)
  [[ $(sha512sum "$wheel" | cut -d ' ' -f 1) == $(base64 -d <<< "$SAM_SHA512" | od -An -v -tx1 | tr -d ' \n') ]] ||
    die "aws-sam-cli $SAM: the checksum of the download is wrong"
  unzip -q -j "$wheel" "samcli/local/rapid/aws-lambda-rie-$architecture" -d "$new"
  mv "$new/aws-lambda-rie-$architecture" "$new/aws-lambda-rie"
  chmod 755 "$new/aws-lambda-rie"
  rm -rf "$wheel" cache/rie
  mv "$new" cache/rie
}

fetch_fun () {
  command -v npm > /dev/null || return
  say "fetching @vercel/fun $FUN"
  mkdir -p cache/fun
  attend npm install --silent --no-audit --no-fund --prefix cache/fun "@vercel/fun@$FUN"
}

case ${1:-} in
  fetch)
    [[ -x cache/rie/aws-lambda-rie ]] || fetch_rie || say "no Runtime Interface Emulator: needs pip and unzip"
    [[ -d cache/fun/node_modules/@vercel/fun ]] || fetch_fun || say "no @vercel/fun: needs npm"
    ;;
  *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" ;;
esac
