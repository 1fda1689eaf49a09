--- Busted helper of `make asan`: a collector that never rests, so that what is freed too early is found at once.
if _VERSION ~= "Lua 5.1" then collectgarbage("incremental") end
collectgarbage("setpause", 0)
collectgarbage("setstepmul", 1000)
