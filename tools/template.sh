#!/usr/bin/env bash
# What AWS would make of a SAM template: its linter (cfn-lint) and its translator, fetched by pip into cache/.
#
#   tools/template.sh fetch          downloads both, if they are not there
#   tools/template.sh lint FILE      the linter's findings; status 0 if there are none
#   tools/template.sh expand FILE    the CloudFormation template that SAM makes of it, as JSON
#
# Status 77 says that the tools are not here and cannot be fetched.
. "$(dirname "$0")/common.sh"

CFN_LINT=1.58.0
SAM_TRANSLATOR=1.115.0
tools=cache/template

fetch () {
  [[ -e $tools/bin/cfn-lint ]] && return
  command -v python3 > /dev/null || exit 77
  rm -rf "$tools.new"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$tools.new" \
    "cfn-lint==$CFN_LINT" "aws-sam-translator==$SAM_TRANSLATOR" > /dev/null 2>&1 || exit 77
  rm -rf "$tools"
  mv "$tools.new" "$tools"
}

[[ $# == 2 || ${1:-} == fetch ]] || die "lint or expand which template?"
fetch
export PYTHONPATH=$tools PYTHONDONTWRITEBYTECODE=1 AWS_DEFAULT_REGION=eu-west-1
case $1 in
  fetch) ;;
  lint)
    attend python3 "$tools/bin/cfn-lint" --regions eu-west-1 -- "$2"
    expanded=$(mktemp --suffix .json)
    trap 'rm -f "$expanded"; stop_all 2> /dev/null' EXIT
    attend python3 tools/template.py "$2" > "$expanded"
    # The translator writes dependencies that follow from references, too; who reads the template knows them.
    attend python3 "$tools/bin/cfn-lint" --regions eu-west-1 --ignore-checks W3005 -- "$expanded"
    ;;
  expand) attend python3 tools/template.py "$2" ;;
  *) die "there are fetch, lint and expand" ;;
esac
