#!/usr/bin/env bash
# walk.sh takes a multi-Region key through its life with the AWS CLI, on a running cluster, and prints what a
# terminal would show: each command after "$ ", then its answer.
#
#   scripts/cluster.sh up --detach
#   eval "$(scripts/cluster.sh env)"
#   scripts/walk.sh
#
# Nodes are killed and Regions cut apart on the way, with scripts/cluster.sh; MERIDIAN names another command for
# that, such as "meridian --data DIR".
#
# Every answer shown is that of the command above it. Where a Region needs a moment to hear of another's change,
# the command is repeated until it gives the answer that is due, and shown once.
set -euo pipefail

if ! command -v aws >/dev/null; then
  echo "walk.sh: the AWS CLI (aws) is not installed or not in PATH" >&2
  exit 1
fi
if [ -z "${AWS_ENDPOINT_URL_KMS:-${AWS_ENDPOINT_URL:-}}" ]; then
  # Without it the walk would make keys in a real account.
  echo 'walk.sh: no endpoint set: start a cluster, then eval "$(scripts/cluster.sh env)"' >&2
  exit 1
fi
export AWS_PAGER="" AWS_DEFAULT_OUTPUT=json

east=us-east-1
west=eu-west-1
# The cluster's folder is where scripts/cluster.sh was called from, and the walk goes elsewhere.
meridian=${MERIDIAN:-"$(cd "$(dirname "$0")" && pwd)/cluster.sh --data $PWD/.meridian"}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

say() { printf '\n# %s\n' "$*"; }

# run COMMAND shows a command line and runs it.
run() {
  echo "\$ $1"
  eval "$1"
}

# cluster COMMAND shows a command to the cluster and runs it.
cluster() {
  echo "\$ scripts/cluster.sh $*"
  # shellcheck disable=SC2086 # a command and its flags
  $meridian "$@" 2>&1
}

# refused CODE COMMAND shows a command line that must fail with that code.
refused() {
  echo "\$ $2"
  if eval "$2" >answer 2>&1; then
    echo "walk.sh: this should have been refused with $1" >&2
    exit 1
  fi
  if ! grep -q "$1" answer; then
    echo "walk.sh: this should have been refused with $1, not with: $(cat answer)" >&2
    exit 1
  fi
  sed '/^$/d' answer
}

# until_says ANSWER COMMAND repeats a command until it prints that answer, then shows both.
until_says() {
  local deadline=$((SECONDS + 60))
  while ! eval "$2" >answer 2>&1 || [ "$(tr '\t' ' ' <answer)" != "$1" ]; do
    if [ $SECONDS -ge $deadline ]; then
      echo "walk.sh: after a minute, '$2' says '$(cat answer)', not '$1'" >&2
      exit 1
    fi
  done
  echo "\$ $2"
  cat answer
}

say "A multi-Region key is made in one Region..."
run "aws kms create-key --region $east --multi-region --description 'walk through a key'" | tee created
key=$(grep -o 'mrk-[0-9a-f]*' created | head -n 1)
run "aws kms create-alias --region $east --alias-name alias/walk-${key:4:8} --target-key-id $key"
run "aws kms tag-resource --region $east --key-id $key --tags TagKey=owner,TagValue=billing"

say "...and replicated to another. The replica is Creating until the material has arrived."
run "aws kms replicate-key --region $east --key-id $key --replica-region $west --query 'ReplicaKeyMetadata.[KeyState,Arn]'"
until_says Enabled "aws kms describe-key --region $west --key-id $key --query KeyMetadata.KeyState --output text"
run "aws kms describe-key --region $west --key-id $key --query KeyMetadata.MultiRegionConfiguration"

say "What one Region encrypted the other decrypts: same key id, same material, no word between them."
printf 'attack at dawn' >plain
run "aws kms encrypt --region $east --key-id alias/walk-${key:4:8} --plaintext fileb://plain --encryption-context mission=blue --query CiphertextBlob --output text | base64 --decode >sealed"
run "aws kms decrypt --region $west --ciphertext-blob fileb://sealed --encryption-context mission=blue --query Plaintext --output text | base64 --decode; echo"
refused InvalidCiphertextException "aws kms decrypt --region $west --ciphertext-blob fileb://sealed --encryption-context mission=red"

say "A Region goes on without its leader, and the node comes back with its data."
cluster kill $east/leader
run "aws kms decrypt --region $east --ciphertext-blob fileb://sealed --encryption-context mission=blue --query Plaintext --output text | base64 --decode; echo"
cluster start $east

say "Rotation makes new material. Nobody encrypts with it before every Region holds it; the old is kept."
run "aws kms rotate-key-on-demand --region $east --key-id $key"
until_says ON_DEMAND "aws kms list-key-rotations --region $west --key-id $key --query Rotations[].RotationType --output text"
run "aws kms decrypt --region $west --ciphertext-blob fileb://sealed --encryption-context mission=blue --query Plaintext --output text | base64 --decode; echo"

say "The role of primary moves to the other Region, but the Regions are cut apart: the key is Updating, and usable."
cluster partition $east $west
run "aws kms update-primary-region --region $east --key-id $key --primary-region $west"
until_says "PRIMARY Updating" "aws kms describe-key --region $east --key-id $key --query 'KeyMetadata.[MultiRegionConfiguration.MultiRegionKeyType,KeyState]' --output text"
run "aws kms decrypt --region $east --ciphertext-blob fileb://sealed --encryption-context mission=blue --query Plaintext --output text | base64 --decode; echo"
cluster heal
until_says "PRIMARY Enabled" "aws kms describe-key --region $west --key-id $key --query 'KeyMetadata.[MultiRegionConfiguration.MultiRegionKeyType,KeyState]' --output text"
until_says "REPLICA Enabled" "aws kms describe-key --region $east --key-id $key --query 'KeyMetadata.[MultiRegionConfiguration.MultiRegionKeyType,KeyState]' --output text"

say "A primary cannot go before its replicas."
run "aws kms schedule-key-deletion --region $west --key-id $key --pending-window-in-days 7"
run "aws kms cancel-key-deletion --region $west --key-id $key"
