--- What a function writes to one of the program's standard files, without the file.
---@param name "stdout"|"stderr"
---@param f function
---@param ... any
---@return string text
---@return any ...    what the function returned
return function(name, f, ...)
  local real, written = io[name], {}
  local function settle(ok, ...)
    io[name] = real -- luacheck: ignore 122
    if not ok then error(..., 0) end
    return table.concat(written), ...
  end
  -- luacheck: ignore 122
  io[name] = {
    write = function(_, ...) written[#written + 1] = table.concat { ... } end,
    flush = function() end,
  }
  return settle(pcall(f, ...))
end
