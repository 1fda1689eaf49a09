--- embed.lua OUTPUT: the library's Lua modules as bytecode for the bootstrap: OUTPUT.bin, their bytes one after the
--- other, and OUTPUT.c, where each of them is. The names of lines stay in: stack traces tell them.
local output = assert(arg[1], "embed.lua OUTPUT")

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

local list = {}
local pipe <close> = assert(io.popen "find lua -name '*.lua'")
for path in pipe:lines() do
  local file = path:gsub("^lua/", "")
  list[#list + 1] = {
    name = file:gsub("%.lua$", ""):gsub("/", "."),
    code = string.dump(assert(load(read(path), "@" .. file, "t"))),
  }
end
table.sort(list, function(a, b) return a.name < b.name end)

local codes, lines, at = {}, {}, 0
for i, module in ipairs(list) do
  codes[i] = module.code
  lines[i] = ('  {"%s", %d, %d},'):format(module.name, at, #module.code)
  at = at + #module.code
end
write(output .. ".bin", table.concat(codes))
write(output .. ".c", ([[
#include "bootstrap/modules.h"

const Module modules[] = {
%s
  {NULL, 0, 0}
};

__asm__(".pushsection .rodata\n.global modules_code\n.hidden modules_code\nmodules_code:\n"
        ".incbin \"%s.bin\"\n.popsection");
]]):format(table.concat(lines, "\n"), output))
