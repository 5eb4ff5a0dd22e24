# Writes skewed_mean.json beside this script: limits of the mean of skewed values, by finding the roots of Hall's cubic.
# Run: Rscript skewed_mean.R
suppressMessages(library(jsonlite))

hall <- function(x, level) {
  n <- length(x); g <- mean((x - mean(x))^3) / mean((x - mean(x))^2)^1.5
  cubic <- function(mu) { w <- (mean(x) - mu) / sd(x); w + g * w^2 / 3 + g^2 * w^3 / 27 + g / (6 * n) }
  t <- qt((1 + level) / 2, n - 1) / sqrt(n)
  limit <- function(q) uniroot(function(mu) cubic(mu) - q, mean(x) + c(-100, 100) * sd(x), tol = 1e-14)$root
  list(skewness = g, ci_low = limit(t), ci_high = limit(-t))
}

set.seed(1992)
samples <- list(round(rexp(8), 3), round(rexp(40), 3), round(-rgamma(15, 2), 3), round(rnorm(30, 5), 3), c(1, 2, 3, 4, 5, 6),
                c(rep(0, 12), 1, 2, 2, 5, 9), round(rlnorm(25, 0, 1.2), 3))
cases <- unlist(lapply(samples, function(x) lapply(c(0.95, 0.99), function(level) c(
  list(values = x, level = level, estimate = mean(x)), hall(x, level)))), recursive = FALSE)

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) {
  d <- dim(v); v <- sprintf("@%.17g", v); if (!is.null(d)) dim(v) <- d; v
}, classes = c("numeric", "integer", "matrix"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/skewed_mean.R", r = R.version.string, calls = "uniroot of the cubic in the mean, qt", cases = cases)),
  auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "skewed_mean.json")
