#!/usr/bin/env bash
# Everything that can be told without running: each check names its files, and all checks run before the verdict.
. "$(dirname "$0")/common.sh"

tools/setup.sh build lint
verdict=0
check () {
  say "$1"
  shift
  "$@" || verdict=1
}
files () {
  git ls-files -co --exclude-standard -- "$@" | while read -r file; do [[ ! -f $file ]] || echo "$file"; done
}

mapfile -t c < <(files '*.c' '*.h')
mapfile -t lua < <(files '*.lua' '*.rockspec' 'bin/*' .busted .luacheckrc)
mapfile -t library < <(files 'lua/*.lua')
mapfile -t shell < <(files '*.sh' .ci/run)
mapfile -t text < <(files | grep -v '\.so$')

parses () {                                  # parses INTERPRETER FILE …
  "$1" -e 'local bad for _, file in ipairs(arg) do
    local chunk, message = loadfile(file)
    if not chunk then io.stderr:write(message, "\n") bad = true end
  end os.exit(bad and 1 or 0)' /dev/null "${@:2}"
}
bash_parses () { local file; for file; do bash -n "$file" || return; done; }
formatted () {
  local file bad=0
  for file; do
    clang-format --dry-run -Werror "$file" 2> /dev/null && continue
    echo "$file: not laid out as .clang-format says; try make format"
    bad=1
  done
  return "$bad"
}
c_builds () { make --no-print-directory -j2 > /dev/null; }
c_checks () {
  cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr -j2 -Icsrc \
    --suppress=missingIncludeSystem --error-exitcode=1 csrc
}
narrow () { ! LC_ALL=C.UTF-8 grep -nE '^.{121}' -- "$@" /dev/null | cut -c 1-140 | grep .; }
clean () {                                   # neither a machine's paths nor a registry's host, nor blanks at line ends
  ! grep -nE '/(home|work|root|Users)/[A-Za-z.]' -- "$@" /dev/null &&
    ! grep -nE '(npmjs|luarocks|pypi|crates)\.(org|com|io)' -- "$@" /dev/null &&
    ! grep -nE '[[:blank:]]+$' -- "$@" /dev/null
}

check "luacheck" luacheck --quiet --codes --no-cache "${lua[@]}"
check "Lua sources parse under LuaJIT" parses luajit "${library[@]}"
check "Lua sources parse under Lua 5.4" parses lua5.4 "${library[@]}"
check "shell scripts parse" bash_parses "${shell[@]}"
! command -v shellcheck > /dev/null || check "shellcheck" shellcheck -x "${shell[@]}"
check "clang-format" formatted "${c[@]}"
check "C builds without a warning" c_builds
check "cppcheck" c_checks
mapfile -t wide < <(printf '%s\n' "${text[@]}" | grep -vE '(^|/)model\.lua$|^LICENSE$|\.md$|\.json$')
check "no line beyond 120 columns" narrow "${wide[@]}"
check "no machine's path, no registry's host, no blanks at line ends" clean "${text[@]}"
check "the rockspec lists what csrc/ and lua/ hold" lua5.4 tools/rockspec.lua --check
[[ $verdict == 0 ]] && say "clean"
exit "$verdict"
