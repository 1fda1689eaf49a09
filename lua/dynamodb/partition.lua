--- AWS's partitions: which one a region belongs to, and the names its hosts end in.
--- Source: the partitions file of AWS's endpoint rules, version 1.1.

---@class dynamodb.Partition
---@field name string
---@field suffix string              of hosts
---@field dual_stack_suffix string   of hosts that also have an IPv6 address
---@field signin string              host of the sign-in service, `%s` the region

-- A region is `<prefix>-<word>-<number>`; the pseudo-regions are those of global services.
local partitions = {
  {
    name = "aws", suffix = "amazonaws.com", dual_stack_suffix = "api.aws", signin = "%s.signin.aws.amazon.com",
    prefixes = { "us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx" }, global = "aws-global",
  },
  {
    name = "aws-cn", suffix = "amazonaws.com.cn", dual_stack_suffix = "api.amazonwebservices.com.cn",
    signin = "%s.signin.amazonaws.cn", prefixes = { "cn" }, global = "aws-cn-global",
  },
  {
    name = "aws-eusc", suffix = "amazonaws.eu", dual_stack_suffix = "api.amazonwebservices.eu",
    signin = "%s.signin.amazonaws-eusc.eu", prefixes = { "eusc-de" },
  },
  {
    name = "aws-iso", suffix = "c2s.ic.gov", dual_stack_suffix = "api.aws.ic.gov",
    signin = "%s.signin.c2shome.ic.gov", prefixes = { "us-iso" }, global = "aws-iso-global",
  },
  {
    name = "aws-iso-b", suffix = "sc2s.sgov.gov", dual_stack_suffix = "api.aws.scloud",
    signin = "%s.signin.sc2shome.sgov.gov", prefixes = { "us-isob" }, global = "aws-iso-b-global",
  },
  {
    name = "aws-iso-e", suffix = "cloud.adc-e.uk", dual_stack_suffix = "api.cloud-aws.adc-e.uk",
    signin = "%s.signin.csphome.adc-e.uk", prefixes = { "eu-isoe" }, global = "aws-iso-e-global",
  },
  {
    name = "aws-iso-f", suffix = "csp.hci.ic.gov", dual_stack_suffix = "api.aws.hci.ic.gov",
    signin = "%s.signin.csphome.hci.ic.gov", prefixes = { "us-isof" }, global = "aws-iso-f-global",
  },
  {
    name = "aws-us-gov", suffix = "amazonaws.com", dual_stack_suffix = "api.aws",
    signin = "%s.signin.amazonaws-us-gov.com", prefixes = { "us-gov" }, global = "aws-us-gov-global",
  },
}

local by_prefix, by_region = {}, {}
for _, partition in ipairs(partitions) do
  for _, prefix in ipairs(partition.prefixes) do by_prefix[prefix] = partition end
  if partition.global then by_region[partition.global] = partition end
end

local partition = {}

--- The partition of a region. One that fits nowhere is taken for one of `aws`, as AWS's rules have it.
---@param region string
---@return dynamodb.Partition
function partition.of(region)
  local prefix = region:match("^(.+)%-[%w_]+%-%d+$")
  return by_region[region] or prefix and by_prefix[prefix] or partitions[1]
end

return partition
