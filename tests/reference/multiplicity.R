# Writes multiplicity.json beside this script. Run: Rscript multiplicity.R
suppressMessages(library(jsonlite))

families <- list(one = list(0.03), tied = list(0.02, 0.02, 0.5, 0.01), ordered = list(0.001, 0.01, 0.02, 0.04, 0.9),
                 shuffled = list(0.4, 0.003, 0.04, 0.011, 1, 0.0001, 0.049))
cases <- lapply(families, function(p) list(
  func = "holm", p_values = p, call = "p.adjust(p, 'holm')", expected = as.list(p.adjust(unlist(p), "holm"))))

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/multiplicity.R", r = R.version.string,
  packages = list(stats = as.character(packageVersion("stats"))), cases = unname(cases))), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "multiplicity.json")
