# Writes pooled_counts.json beside this script: counted events of two groups. Run: Rscript pooled_counts.R
suppressMessages({library(metafor); library(jsonlite)})

studies <- list(
  none_against_three = list(e1 = 0, n1 = 20, e0 = 3, n0 = 20),
  one = list(e1 = 2, n1 = 30, e0 = 9, n0 = 30),
  frequent = list(e1 = 37, n1 = 40, e0 = 25, n0 = 33),
  nothing_but_events = list(e1 = 12, n1 = 12, e0 = 9, n0 = 15),
  uneven = list(e1 = 1, n1 = 5, e0 = 250, n0 = 500),
  opposite = list(e1 = 7, n1 = 7, e0 = 0, n0 = 9),
  no_event = list(e1 = 0, n1 = 25, e0 = 0, n0 = 15),
  three = list(e1 = c(0, 2, 1), n1 = c(20, 30, 25), e0 = c(3, 6, 2), n0 = c(20, 30, 25)),
  zeros = list(e1 = c(0, 0, 2, 0), n1 = c(15, 50, 32, 24), e0 = c(0, 1, 5, 0), n0 = c(15, 48, 30, 11)),
  never_first = list(e1 = c(0, 0), n1 = c(15, 24), e0 = c(2, 1), n0 = c(15, 30)),
  mixed = list(e1 = c(30, 4, 11), n1 = c(60, 9, 40), e0 = c(21, 6, 2), n0 = c(55, 12, 38)),
  large = list(e1 = c(210, 95), n1 = c(600, 300), e0 = c(260, 90), n0 = c(610, 310))
)
TIGHT <- 1e-13
# No finite number in JSON: ends are words.
word <- function(x) if (is.nan(x) || is.na(x)) "nan" else if (is.infinite(x)) "inf" else x

# Sums of events in the first groups given the margins, at odds ratio 1: a convolution of dhyper.
sums <- function(s) {
  lo <- 0; d <- 1; at <- 0
  for (i in seq_along(s$e1)) {
    m <- s$e1[i] + s$e0[i]; a <- max(0, m - s$n0[i]); b <- min(m, s$n1[i])
    p <- dhyper(a:b, s$n1[i], s$n0[i], m)
    d <- rowSums(sapply(seq_along(p), function(j) c(rep(0, j - 1), d * p[j], rep(0, length(p) - j))) |> matrix(ncol = length(p)))
    at <- at + s$e1[i] - a
  }
  list(d = d, at = at)
}
exact_ratio <- function(s, level) {
  f <- sums(s); k <- seq_along(f$d) - 1; last <- length(f$d) - 1; tail <- (1 - level) / 2
  at <- function(t) { w <- log(f$d) + t * k; w <- exp(w - max(w)); w / sum(w) }
  root <- function(g) exp(uniroot(g, c(-30, 30), tol = TIGHT)$root)
  low <- if (f$at == 0) 0 else root(function(t) sum(at(t)[k >= f$at]) - tail)
  high <- if (f$at == last) Inf else root(function(t) sum(at(t)[k <= f$at]) - tail)
  mid <- if (last == 0) NaN else if (f$at == 0) 0 else if (f$at == last) Inf else root(function(t) sum(k * at(t)) - f$at)
  list(estimate = word(mid), ci_low = word(low), ci_high = word(high), p_value = sum(f$d[f$d <= f$d[f$at + 1] * (1 + 1e-7)]))
}
# R's own function, whose limits are good to three digits.
own_ratio <- function(s, level) {
  if (length(s$e1) == 1) {
    r <- fisher.test(matrix(c(s$e1, s$n1 - s$e1, s$e0, s$n0 - s$e0), 2), conf.level = level)
  } else {
    tables <- array(rbind(s$e1, s$n1 - s$e1, s$e0, s$n0 - s$e0), c(2, 2, length(s$e1)))
    tables <- tables[, , s$e1 + s$e0 > 0 & s$e1 + s$e0 < s$n1 + s$n0, drop = FALSE]
    r <- mantelhaen.test(tables, exact = TRUE, conf.level = level)
  }
  list(estimate = word(r$estimate[[1]]), ci_low = word(r$conf.int[1]), ci_high = word(r$conf.int[2]), p_value = r$p.value[[1]])
}
# Miettinen and Nurminen by brute force: the likeliest risks under a difference where the likelihood is level.
score_limits <- function(e1, n1, e0, n0, level) {
  z <- qnorm((1 + level) / 2); d <- e1 / n1 - e0 / n0; N <- n1 + n0
  part <- function(e, p) if (e == 0) 0 else e / p
  score <- function(delta) {
    slope <- function(p0) part(e1, p0 + delta) - part(n1 - e1, 1 - p0 - delta) + part(e0, p0) - part(n0 - e0, 1 - p0)
    a <- max(0, -delta); b <- min(1, 1 - delta); w <- (b - a) * 1e-9
    p0 <- if (slope(a + w) <= 0) a else if (slope(b - w) >= 0) b else uniroot(slope, c(a + w, b - w), tol = 1e-15, maxiter = 5000)$root
    p1 <- p0 + delta
    (d - delta) / sqrt(max((p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * N / (N - 1), 1e-300))
  }
  low <- if (d <= -1) -1 else uniroot(function(x) score(x) - z, c(-1 + 1e-6, d), tol = TIGHT)$root
  high <- if (d >= 1) 1 else uniroot(function(x) score(x) + z, c(d, 1 - 1e-6), tol = TIGHT)$root
  list(estimate = d, ci_low = low, ci_high = high)
}
difference <- function(s, level) {
  if (length(s$e1) == 1) return(score_limits(s$e1, s$n1, s$e0, s$n0, level))
  r <- suppressWarnings(rma.mh(measure = "RD", ai = s$e1, n1i = s$n1, ci = s$e0, n2i = s$n0, level = 100 * level))
  list(estimate = r$beta[[1]], ci_low = r$ci.lb, ci_high = r$ci.ub)
}

cases <- list()
for (name in names(studies)) for (level in c(0.95, 0.8)) {
  s <- studies[[name]]
  case <- list(data = name, studies = lapply(s, I), confidence_level = level,
               odds_ratio = exact_ratio(s, level), risk_difference = difference(s, level))
  if (name != "no_event") case$own <- own_ratio(s, level)
  cases[[length(cases) + 1]] <- case
}

# Correlations within people: of drawn people whose figures are then taken alone, and of every table of pairs.
set.seed(18)
drawn <- lapply(c(8, 20, 45), function(n) {
  x <- rnorm(n, 10, 3); y <- 0.6 * x + rnorm(n, 2, 2)
  list(n = n, mean1 = mean(x), sd1 = sd(x), mean2 = mean(y), sd2 = sd(y), sd_change = sd(x - y),
       p = t.test(x, y, paired = TRUE)$p.value, r = cor(x, y))
})
margins <- list(c(2, 9, 30), c(19, 3, 51), c(17, 16, 20), c(10, 5, 28))
bounds <- lapply(margins, function(m) {
  both <- max(0, m[1] + m[2] - m[3]):min(m[1], m[2])
  phi <- sapply(both, function(b) cor(rep(c(1, 1, 0, 0), c(b, m[1] - b, m[2] - b, m[3] - m[1] - m[2] + b)),
                                      rep(c(1, 0, 1, 0), c(b, m[1] - b, m[2] - b, m[3] - m[1] - m[2] + b))))
  list(events1 = m[1], events2 = m[2], n = m[3], least = min(phi), greatest = max(phi))
})

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
listed <- lapply(cases, function(case) {
  s <- lapply(case$studies, function(v) as.list(as.numeric(v)))
  case$studies <- s
  case
})
json <- toJSON(exact(list(
  generator = "tests/reference/pooled_counts.R", r = R.version.string,
  packages = list(metafor = as.character(packageVersion("metafor"))),
  cases = listed, drawn = drawn, bounds = bounds)),
  auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "pooled_counts.json")
