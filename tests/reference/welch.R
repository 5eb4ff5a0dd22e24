# Writes welch.json beside this script: two arms of unequal spread. Run: Rscript welch.R
suppressMessages(library(jsonlite))

set.seed(59)
cases <- lapply(list(c(5, 5, 1), c(12, 7, 2), c(2, 8, 3), c(30, 4, 0.3)), function(s) {
  a <- round(rnorm(s[1], 1, s[3]), 4); b <- round(rnorm(s[2]), 4)
  w <- t.test(a, b)
  list(y = c(a, b), treated = rep(c(1, 0), s[1:2]), estimate = mean(a) - mean(b), std_error = w$stderr,
       df = w$parameter[[1]], p_value = w$p.value, ci_low = w$conf.int[1], ci_high = w$conf.int[2])
})

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) {
  d <- dim(v); v <- sprintf("@%.17g", v); if (!is.null(d)) dim(v) <- d; v
}, classes = c("numeric", "integer", "matrix"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/welch.R", r = R.version.string, calls = "t.test(a, b)", cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "welch.json")
