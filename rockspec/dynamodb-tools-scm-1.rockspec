rockspec_format = "3.0"
package = "dynamodb-tools"
version = "scm-1"
source = {
  url = ".",    -- for `luarocks make` in a checkout; a release names its tarball
}
description = {
  summary = "The command dynamodb: migrations, exports, copies and queries of DynamoDB tables",
  detailed = [[
Data migrations that can be tried, watched, stopped, gone on with and taken back; exports, imports, copies and
comparisons of tables; queries and the tail of a stream. On the library dynamodb.]],
  license = "MIT",
  labels = { "aws", "dynamodb", "database", "commandline" },
}
dependencies = {
  "lua >= 5.1, < 5.5",    -- 5.1 is LuaJIT
  "dynamodb",
  "argparse >= 0.7",
}
-- The modules dynamodb.cli come with the library, since LuaRocks installs all of lua/ for it; what they need, argparse,
-- is needed for the command alone.
build = {
  type = "none",
  install = {
    bin = {
      dynamodb = "bin/dynamodb",
    },
  },
}
