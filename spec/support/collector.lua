--- Busted helper of `make asan`: without a pause the collector goes through all of the heap at each allocation that
--- asks it to, so that what is freed too early is found at once.
if _VERSION ~= "Lua 5.1" then collectgarbage("incremental") end
collectgarbage("setpause", 0)
collectgarbage("setstepmul", 1000)
