--- What several commands have in common: options that mean the same in all of them, and words that become values.
local arguments = {}

--- An option that takes a number.
---@param command table       of argparse
---@param name string         "--rcu"
---@param description string
---@param is_whole boolean?
---@return table option
function arguments.number(command, name, description, is_whole)
  return command:option(name, description):argname "<number>":convert(function(text)
    local number = tonumber(text)
    if number and number > 0 and number < math.huge and (not is_whole or number % 1 == 0) then return number end
    return nil, ("%s: %s is not a %s"):format(name, text, is_whole and "whole number from 1" or "positive number")
  end)
end

--- An option that names a file or a directory.
---@param command table
---@param name string
---@param description string
---@param what string?    "<file>" if nil
---@return table option
function arguments.file(command, name, description, what)
  return command:option(name, description):argname(what or "<file>"):convert(function(text)
    if text ~= "" then return text end
    return nil, name .. ": the name is empty"
  end)
end

local function to_shard(text)
  local i, n = text:match "^(%d+)/(%d+)$"
  i, n = tonumber(i), tonumber(n)
  if i and i >= 1 and i <= n then return { i, n } end
  return nil, ("--shard: %s is not I/N, the I-th of N processes"):format(text)
end

--- How a job keeps to limits.
---@param command table
---@param ... string    the options of these that it has: rcu, wcu, segments, concurrency, shard, stall
function arguments.pace(command, ...)
  local options = {}
  for i, name in ipairs { ... } do
    if name == "rcu" then
      options[i] = arguments.number(command, "--rcu", "Read capacity units a second, at most.")
    elseif name == "wcu" then
      options[i] = arguments.number(command, "--wcu", "Write capacity units a second, at most.")
    elseif name == "segments" then
      options[i] = arguments.number(command, "--segments", "Parts that the table is scanned in.", true)
    elseif name == "concurrency" then
      options[i] = arguments.number(command, "--concurrency", "Writes under way at a time.", true)
    elseif name == "shard" then
      options[i] = command:option("--shard", "This is the I-th of N processes that share the work.")
        :argname "<I/N>":convert(to_shard)
    else
      options[i] = arguments.number(command, "--stall", "Seconds without any success until it gives up (60).")
    end
  end
  command:group("Pace", (table.unpack or unpack)(options))
end

--- How a job is kept, and told of.
---@param command table
function arguments.job(command)
  command:group("Job",
    arguments.file(command, "--checkpoint", "Says how far it is; with it, the same command goes on."),
    arguments.number(command, "--grace", "Seconds that requests under way have after Ctrl-C (3)."),
    command:flag("--quiet", "No progress."))
end

--- How results are written.
---@param command table
---@param what string    results of this kind
---@return table option
function arguments.output(command, what)
  return command:option("--output", ("How %s written; else table on a terminal, jsonl elsewhere."):format(what))
    :choices { "table", "json", "jsonl" }
end

--- Picks arguments for a function of the library.
---@param given table                       of argparse
---@param names table<string, string>|string[]    names there; by the name here, where they are different
---@return table options
function arguments.pick(given, names)
  local options = {}
  for own, name in pairs(names) do
    options[name] = given[type(own) == "number" and name or own]
  end
  return options
end

return arguments
