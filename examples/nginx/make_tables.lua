-- Makes the shop's tables, or drops them with all that is in them. Run it in the project's directory, or with the
-- library installed in this one:
--
--   luajit examples/nginx/make_tables.lua make|drop
package.path = "./examples/nginx/?.lua;./?.lua;" .. package.path
local tables = require "shop.tables"

local verbs = {
  make = function(spec) assert(tables.db:ensure_table(spec)) end,
  drop = function(spec) assert(tables.db:delete_table(spec.name, { if_exists = true })) end,
}

local verb = assert(verbs[arg[1]], "make or drop?")
for _, spec in pairs(tables.specs) do verb(spec) end
tables.db:close()
