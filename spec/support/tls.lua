--- TLS peers, good and bad, with certificates made for the occasion by the openssl command.
local process = require "spec.support.process"

local tls = {}

local CONFIG = [[
[ca]
default_ca = authority
[authority]
database = %s/index
new_certs_dir = %s
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
]]

local directory

local function openssl(...)
  local code, _, stderr = process.run { "openssl", ... }
  assert(code == 0, stderr)
end

local function write(name, text)
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
end

local function new_authority(name)
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
    "/CN=" .. name, "-keyout", directory .. "/" .. name .. ".key", "-out", directory .. "/" .. name .. ".pem")
end

--- `valid` is a pair of dates as openssl's ca command wants them.
local function new_certificate(name, authority, alternative, valid)
  local base = directory .. "/" .. name
  openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" .. name,
    "-addext", "subjectAltName=" .. alternative, "-keyout", base .. ".key", "-out", base .. ".csr")
  local signer = directory .. "/" .. authority
  openssl("ca", "-batch", "-notext", "-config", directory .. "/config", "-cert", signer .. ".pem",
    "-keyfile", signer .. ".key", "-startdate", valid[1], "-enddate", valid[2],
    "-in", base .. ".csr", "-out", base .. ".pem")
end

--- The directory of the certificates (NAME.pem, NAME.key): `authority` signed `good`, `other_host` and `expired`, of
--- which the first is for localhost and 127.0.0.1; `stranger` is signed by an authority that nobody knows.
function tls.certificates()
  if directory then return directory end
  directory = process.temporary_directory()
  write(directory .. "/config", CONFIG:format(directory, directory))
  write(directory .. "/index", "")
  local always, past = { "20200101000000Z", "20491231235959Z" }, { "20200101000000Z", "20210101000000Z" }
  local here = "DNS:localhost,IP:127.0.0.1"
  new_authority "authority"
  new_authority "unknown"
  new_certificate("good", "authority", here, always)
  new_certificate("other_host", "authority", "DNS:other.example", always)
  new_certificate("expired", "authority", here, past)
  new_certificate("stranger", "unknown", here, always)
  return directory
end

--- The file of the authority that clients are to trust.
function tls.authority() return tls.certificates() .. "/authority.pem" end

--- An `openssl s_server` that answers GET with a page; or with `page = false` shows on its stdout what it was sent and
--- sends what it is told, to one client after the other.
---@param certificate string    "good", "other_host", "expired" or "stranger"
---@param options table?        { page = true, arguments = { "-tls1_1", … } }
---@return table                the process, with `host`, `port`
function tls.start(certificate, options)
  options = options or {}
  local base = tls.certificates() .. "/" .. certificate
  local command = {
    "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", base .. ".pem", "-key", base .. ".key",
    talkative = true, -- at the end of its stdin it would hang up
  }
  if options.page ~= false then command[#command + 1] = "-www" end
  for _, word in ipairs(options.arguments or {}) do command[#command + 1] = word end
  local child = process.start(command)
  child.host = "127.0.0.1"
  child.port = process.await(60, function()
    assert(child:alive(), "openssl s_server did not start: " .. process.read(child.stderr))
    return tonumber(child:output():match "ACCEPT [^\n]*:(%d+)\n")
  end)
  return child
end

return tls
