-- Library Lua is what 5.1 and 5.4 have in common; where they differ, the guarded name of either is known.
local either = {
  "unpack", "loadstring", "setfenv", "jit", table = { fields = { "unpack" } }, math = { fields = { "type" } },
  package = { fields = { "searchpath" } },
  coroutine = { fields = { "close", "isyieldable" } },
}

std = "min"
read_globals = either
max_line_length = 120
exclude_files = { "build", "cache", "docs/meta" }

files["spec"] = { std = "min+busted" }
files["spec/nginx/inside"] = { read_globals = { "ngx" } }
files["spec/support/nginx_busted.lua"] = { read_globals = { "ngx" } }
files["tools"] = { std = "lua54" }
files["examples"] = { std = "max" }
files["examples/nginx"] = { globals = { "ngx" } }
files["rockspec"] = { std = "+rockspec" }
files["lua/dynamodb/model.lua"] = { max_line_length = false }  -- generated: one operation a line
files["lua/dynamodb/nginx"] = { read_globals = { "ngx" } }
files["lua/dynamodb/nginx.lua"] = { read_globals = { "ngx" } }
files["lua/dynamodb/runtime/nginx.lua"] = { read_globals = { "ngx" } }
