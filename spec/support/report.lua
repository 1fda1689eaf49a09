--- Busted output handler: a line for each file, failures in full when they happen, pending ones by reason, and at the
--- end the line `passed=N failed=N pending=N`, which tools/test.sh adds up. A crash leaves the file's line open.
local base = require "busted.outputHandlers.base"
local busted = require "busted"
local pretty = require "pl.pretty"

local write = io.write

local function text(message)
  if message == nil then return "no message" end
  if type(message) == "string" then return message end
  local mt = getmetatable(message)
  return mt and mt.__tostring and tostring(message) or pretty.write(message)
end

local function place(entry)
  local trace = entry.element.trace or entry.trace
  return trace and trace.short_src and trace.short_src .. ":" .. trace.currentline or "?"
end

--- The reasons of pending tests, each with its count, the most frequent first.
local function reasons(pendings)
  local counts, order = {}, {}
  for _, entry in ipairs(pendings) do
    local reason = entry.message and text(entry.message):gsub("^[^\n:]+:%d+: ", "") or entry.name
    if not counts[reason] then order[#order + 1] = reason end
    counts[reason] = (counts[reason] or 0) + 1
  end
  table.sort(order, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return order, counts
end

return function(options)
  local handler = base()
  local seen = { passed = 0, failed = 0, pending = 0 }    -- as of the file that ended last
  local file_open = false

  local function totals()
    return { passed = handler.successesCount, failed = handler.failuresCount + handler.errorsCount,
             pending = handler.pendingsCount }
  end

  local function file_start(file)
    write(("  %-46s "):format(file.name:gsub("^%./", "")))
    io.flush()
    file_open = true
    return nil, true
  end

  local function file_end()
    local now = totals()
    local failed, pending = now.failed - seen.failed, now.pending - seen.pending
    if not file_open then write(("  %-46s "):format("")) end
    write(("%5d passed"):format(now.passed - seen.passed))
    if failed > 0 then write((", %d FAILED"):format(failed)) end
    if pending > 0 then write((", %d pending"):format(pending)) end
    write "\n"
    io.flush()
    seen, file_open = now, false
    return nil, true
  end

  local function bad(element, parent, message, trace)
    local entry = handler.format(element, parent, message, trace)
    if file_open then write "\n" end
    file_open = false
    write("\n  FAILED ", place(entry), "  ", entry.name or element.descriptor, "\n")
    write("    ", (text(message):gsub("\n", "\n    ")), "\n")
    local traceback = trace and trace.traceback
    if traceback and options.verbose then write("    ", (traceback:gsub("\n", "\n    ")), "\n") end
    write "\n"
    io.flush()
    return nil, true
  end

  local function suite_end()
    local order, counts = reasons(handler.pendings)
    for _, reason in ipairs(order) do write(("  pending %5d  %s\n"):format(counts[reason], reason)) end
    local now = totals()
    write(("passed=%d failed=%d pending=%d\n"):format(now.passed, now.failed, now.pending))
    io.flush()
    return nil, true
  end

  busted.subscribe({ "file", "start" }, file_start)
  busted.subscribe({ "file", "end" }, file_end)
  busted.subscribe({ "failure" }, bad)
  busted.subscribe({ "error" }, bad)
  busted.subscribe({ "suite", "end" }, suite_end)
  return handler
end
