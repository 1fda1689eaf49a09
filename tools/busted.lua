--- Busted inside this very interpreter (the busted command starts another one through a shell). A configuration could
--- still start a different Lua in its place, and every spec would pass there: so the Lua that was asked for is checked.
local wanted = os.getenv "DYNAMODB_TEST_LUA"
local actual = rawget(_G, "jit") and "luajit" or _VERSION:match("%d%.%d")
assert(not wanted or wanted == actual, "the specs of " .. tostring(wanted) .. " were started under " .. actual)

require "busted.runner"({ standalone = false })
