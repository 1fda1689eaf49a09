-- Splits the attribute "name" into "first" and "last". Mapped once more, an item stays as it is: that is why no mark is
-- needed, as long as nobody else writes to the table meanwhile.
return {
  idempotent = true,
  where = "attribute_exists(name)",
  map = function(person)
    local first, last = person.name:match "^(%S+)%s+(.+)$"
    if not first then return nil end               -- one word: left as it is
    person.first, person.last, person.name = first, last, nil
    return person
  end,
}
