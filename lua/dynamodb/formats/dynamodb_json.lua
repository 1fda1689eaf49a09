--- DynamoDB JSON, one item a line, as in the service's own exports: `{"Item":{"pk":{"S":"a"}}}`. Nothing is lost in it.
local core = require "dynamodb.core"
local ordered = require "dynamodb.formats.ordered"

local format = { extension = "json" }

local shape -- of a line; compiled at the first one

---@return table writer    `write(item)` gives a text
function format.writer()
  return { write = function(item) return '{"Item":' .. ordered.typed(item) .. "}\n" end }
end

--- The item of a line: with the member Item around it, or by itself.
---@param line string
---@return table? item
---@return string? message
local function read_item(line)
  shape = shape or core.shape "(Item i)"
  local wrapped = line:find '^%s*{%s*"Item"%s*:' and core.decode(shape, line)
  if wrapped and type(wrapped.Item) == "table" and next(wrapped, (next(wrapped))) == nil then return wrapped.Item end
  return core.unmarshal(line)
end

--- A reader of the items of a file.
---@param input dynamodb.FileInput
---@return table reader    `read()` gives an item, nil and the raw text; for what is broken nil, a message and the raw
---                        text; nil and an error; or nil at the end. `render(item)` writes an item as the file has it
function format.reader(input)
  return {
    render = format.writer().write,
    read = function()
      local line, err
      repeat line, err = input:line() until err or not line or line:find "%S"
      if not line then return nil, err end
      local item, message = read_item(line)
      if item and next(item) == nil then item, message = nil, "the item is empty" end
      if not item then return nil, message, line .. "\n" end
      return item, nil, line .. "\n"
    end,
  }
end

return format
