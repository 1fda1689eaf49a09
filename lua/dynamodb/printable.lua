--- Foreign text as a log can bear it: valid UTF-8, one kind of line end, no control characters but newline and tab.

-- Whole characters from U+00A0 on (the C1 control characters below it are none that a log wants).
-- Source: table 3-7, "Well-Formed UTF-8 Byte Sequences", of the Unicode Standard.
local CHARACTERS = {
  "^\194[\160-\191]", "^[\195-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]", "^\237[\128-\159][\128-\191]", "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]", "^\244[\128-\143][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
}

---@param byte string
---@return string    "\x1b"
local function escape(byte)
  return ("\\x%02x"):format(byte:byte())
end

--- A run of bytes from 0x80 on: whole characters stay, the rest is escaped.
---@param run string
---@return string
local function check_run(run)
  local parts, at = {}, 1
  while at <= #run do
    local last
    for _, pattern in ipairs(CHARACTERS) do
      last = select(2, run:find(pattern, at))
      if last then break end
    end
    parts[#parts + 1] = last and run:sub(at, last) or escape(run:sub(at, at))
    at = (last or at) + 1
  end
  return table.concat(parts)
end

--- The text, with `\xNN` for every byte that would soil a log.
---@param text string
---@return string
local function printable(text)
  if not text:find("[^\9\10\32-\126]") then return text end
  return (text:gsub("\r\n", "\n"):gsub("[^\9\10\32-\126\128-\255]", escape):gsub("[\128-\255]+", check_run))
end

return printable
