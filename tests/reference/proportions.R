# Writes proportions.json beside this script. Run: Rscript proportions.R
suppressMessages(library(jsonlite))

cases <- list()
add <- function(func, inputs, options, call, expected)
  cases[[length(cases) + 1]] <<- list(func = func, inputs = inputs, options = options, call = call, expected = expected)
limits <- function(x) list(ci_low = x[1], ci_high = x[2])

WORDS <- c("two.sided" = "two-sided", less = "less", greater = "greater")
for (counts in list(c(0, 40), c(3, 40), c(40, 40), c(1, 1), c(0, 1), c(17, 33), c(1, 100000), c(250, 1000)))
  for (alternative in names(WORDS)) for (level in c(0.95, 0.99)) {
    e <- counts[1]; n <- counts[2]
    options <- function(m) list(method = m, alternative = WORDS[[alternative]], confidence_level = level)
    ci <- binom.test(e, n, alternative = alternative, conf.level = level)$conf.int
    add("proportion", counts, options("clopper-pearson"),
        sprintf("binom.test(%d, %d, alternative='%s', conf.level=%g)", e, n, alternative, level), limits(ci))
    ci <- suppressWarnings(prop.test(e, n, alternative = alternative, conf.level = level, correct = FALSE)$conf.int)
    add("proportion", counts, options("wilson"),
        sprintf("prop.test(%d, %d, alternative='%s', conf.level=%g, correct=FALSE)", e, n, alternative, level), limits(ci))
  }

wilson <- function(e, n, level) suppressWarnings(prop.test(e, n, conf.level = level, correct = FALSE)$conf.int)
square_add <- function(e1, n1, e0, n0, phi, level) {
  p1 <- e1 / n1; p0 <- e0 / n0; a <- wilson(e1, n1, level); b <- wilson(e0, n0, level)
  half <- function(x, y) sqrt(x^2 - 2 * phi * x * y + y^2)
  c(p1 - p0 - half(p1 - a[1], b[2] - p0), p1 - p0 + half(a[2] - p1, p0 - b[1]))
}
for (t in list(c(56, 70, 48, 80), c(9, 10, 3, 10), c(0, 10, 0, 20), c(10, 10, 0, 20), c(6, 7, 2, 7), c(5, 56, 0, 29)))
  for (level in c(0.95, 0.9)) {
    p <- fisher.test(matrix(c(t[1], t[2] - t[1], t[3], t[4] - t[3]), 2))$p.value
    add("risk_difference", t, list(method = "newcombe", confidence_level = level),
        "square-and-add of prop.test(correct=FALSE) limits; fisher.test",
        c(list(estimate = t[1] / t[2] - t[3] / t[4], p_value = p), limits(square_add(t[1], t[2], t[3], t[4], 0, level))))
  }

# Tango's limits by brute force: the likelihood of the four counts is maximised numerically under
# each difference, and the limits are where the score statistic crosses the normal quantile.
tango <- function(b, c, n, level) {
  z <- qnorm((1 + level) / 2)
  score <- function(delta) {
    lower <- max(0, -delta); upper <- (1 - delta) / 2
    loglik <- function(q) sum(c(b, c, n - b - c) * log(pmax(c(q + delta, q, 1 - 2 * q - delta), 1e-300)))
    q <- optimize(loglik, c(lower, upper), maximum = TRUE, tol = 1e-13)$maximum
    ends <- c(lower, upper); at <- c(loglik(q), loglik(lower), loglik(upper))
    q <- c(q, ends)[which.max(at)]
    (b - c - n * delta) / sqrt(n * (2 * q + delta * (1 - delta)))
  }
  d <- (b - c) / n; eps <- 1e-9
  solve <- function(from, to, target) uniroot(function(x) score(x) - target, c(from, to), tol = 1e-13)$root
  c(if (d > -1) solve(-1 + eps, d - eps, z) else -1, if (d < 1) solve(d + eps, 1 - eps, -z) else 1)
}
for (t in list(c(1, 1, 7, 12), c(36, 12, 2, 0), c(59, 6, 16, 80), c(14, 5, 0, 22), c(43, 0, 1, 0), c(20, 0, 0, 5),
               c(0, 6, 0, 0), c(0, 0, 3, 9), c(5, 5, 5, 5), c(0, 4, 1, 5)))
  for (level in c(0.95, 0.9)) {
    a <- t[1]; b <- t[2]; c_ <- t[3]; d <- t[4]; n <- sum(t)
    table <- list(c(a, b), c(c_, d))
    p <- if (b + c_ > 0) binom.test(b, b + c_)$p.value else 1
    cross <- a * d - b * c_
    product <- (a + b) * (c_ + d) * (a + c_) * (b + d)
    phi <- if (product == 0) 0 else (if (cross > 0) max(cross - n / 2, 0) else cross) / sqrt(product)
    add("risk_difference", table, list(paired = TRUE, method = "newcombe", confidence_level = level),
        "square-and-add of prop.test(correct=FALSE) limits with phi; binom.test(b, b+c)",
        c(list(estimate = (b - c_) / n, p_value = p), limits(square_add(a + b, n, a + c_, n, phi, level))))
    add("risk_difference", table, list(paired = TRUE, method = "tango", confidence_level = level),
        "score limits from numerically maximised multinomial likelihood",
        c(list(estimate = (b - c_) / n, p_value = p), limits(tango(b, c_, n, level))))
  }

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/proportions.R", r = R.version.string,
  packages = list(stats = as.character(packageVersion("stats"))), cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "proportions.json")
