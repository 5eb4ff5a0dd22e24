# Writes mee_chua.json beside this script. Run: Rscript mee_chua.R
library(jsonlite)

cases <- list()
add <- function(kind, options, call, expected)
  cases[[length(cases) + 1]] <<- list(kind = kind, options = options, call = call, expected = expected)

# lm() of after on before centred at the assumed mean: its intercept is mean + effect. The range of means by
# uniroot() on the end of confint() nearer to 0, without the quadratic.
fit <- function(before, after, mean) lm(I(after - mean) ~ I(before - mean))
nearer <- function(mean, before, after, level, side)
  { ends <- confint(fit(before, after, mean), level = level)[1, ]; if (side < 0) -ends[[2]] else ends[[1]] }
bounds <- function(before, after, level) {
  side <- sign(mean(after - before)); f <- function(m) nearer(m, before, after, level, side)
  reach <- 1e4 * sd(before)
  best <- optimize(f, mean(before) + c(-1, 1) * reach, maximum = TRUE, tol = 1e-9)
  inside <- if (f(mean(before)) > 0) mean(before) else if (best$objective > 0) best$maximum else return(list(low = NULL, high = NULL))
  end <- function(far) if (f(far) > 0) NULL else uniroot(f, sort(c(inside, far)), tol = 1e-13)$root
  list(low = end(inside - reach), high = end(inside + reach))
}
for (seed in 1:6) for (level in c(0.9, 0.95)) {
  set.seed(seed); n <- c(8, 21, 40, 15, 12, 60)[seed]; effect <- c(-6, -9, 0, 5, -3, -0.5)[seed]
  truth <- rnorm(20 * n, 50, 8); x <- truth + rnorm(20 * n, 0, 6); kept <- order(-x)[1:n]
  before <- round(x[kept], 1); after <- round(truth[kept] + rnorm(n, 0, 6) + effect, 1)
  for (m in c(45, 50, 60)) {
    s <- summary(fit(before, after, m))$coefficients; ci <- confint(fit(before, after, m), level = level); b <- bounds(before, after, level)
    add("mee_chua", list(before = before, after = after, mean = m, confidence_level = level), "lm(I(after - mean) ~ I(before - mean)); confint(); uniroot()",
        list(estimate = s[1, 1], std_error = s[1, 2], p_value = s[1, 4], slope = s[2, 1], df = n - 2, ci_low = ci[1, 1], ci_high = ci[1, 2],
             mean_low = b$low, mean_high = b$high))
  }
}

# Moments of the normal beyond a cut-off by integrate(), matched by optim() over mean and log sd.
moments <- function(mean, sd, cut, above) {
  ends <- if (above) c(cut, mean + 14 * sd) else c(mean - 14 * sd, cut)
  m <- function(p) integrate(function(u) (u - cut)^p * dnorm(u, mean, sd), ends[1], ends[2], rel.tol = 1e-13, subdivisions = 1000)$value
  share <- m(0); first <- m(1) / share; c(first, sqrt(m(2) / share - first^2), share)
}
for (seed in 1:6) {
  set.seed(100 + seed); above <- seed %% 2 == 1; mean <- c(50, 3, 50, 60, 0, 100)[seed]; sd <- c(10, 0.8, 12, 9, 1, 15)[seed]
  z <- c(1, 0.5, -1, 1.5, 0, 2)[seed]; cut <- mean + (if (above) 1 else -1) * z * sd
  p <- pnorm(z) + runif(c(30, 40, 80, 60, 50, 100)[seed]) * (1 - pnorm(z)); x <- round(mean + (if (above) 1 else -1) * sd * qnorm(p), 2)
  x <- if (above) pmax(x, cut) else pmin(x, cut)
  goal <- c(mean(x - cut), sqrt(mean((x - mean(x))^2))); loss <- function(q) sum((moments(q[1], exp(q[2]), cut, above)[1:2] / goal - 1)^2)
  best <- c(mean, log(sd)); for (i in 1:12) best <- optim(best, loss, control = list(reltol = 1e-17, maxit = 5000))$par
  for (i in 1:6) { # Newton's steps with numerical derivatives sharpen what the simplex found
    h <- 1e-5 * sd; g <- function(q) moments(q[1], exp(q[2]), cut, above)[1:2] - goal
    J <- cbind((g(best + c(h, 0)) - g(best - c(h, 0))) / (2 * h), (g(best + c(0, 1e-5)) - g(best - c(0, 1e-5))) / 2e-5); best <- best - solve(J, g(best))
  }
  # Ends of the profile likelihood: optimize() over log sd for each mean, uniroot() over means; NULL where it never falls far enough.
  loglik <- function(m, s) sum(dnorm(x, m, s, log = TRUE)) - length(x) * pnorm(cut, m, s, lower.tail = !above, log.p = TRUE)
  profile <- function(m) optimize(function(l) loglik(m, exp(l)), log(sd) + c(-4, 9), maximum = TRUE, tol = 1e-12)$objective
  top <- loglik(best[1], exp(best[2])); drop <- function(m) 2 * (top - profile(m)) - qchisq(0.95, 1)
  end <- function(step) { at <- best[1]; for (i in 1:24) { at <- at + step; if (drop(at) > 0) return(uniroot(drop, sort(c(at - step, at)), tol = 1e-12)$root); step <- 1.5 * step }; NULL }
  add("truncated", list(values = x, cut_off = cut, selected = if (above) "above" else "below"), "integrate() of the moments, optim() and Newton's steps; optimize() and uniroot() of the likelihood",
      list(mean = best[1], sd = exp(best[2]), share_selected = moments(best[1], exp(best[2]), cut, above)[3], mean_low = end(-sd / 4), mean_high = end(sd / 4)))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(generator = "tests/reference/mee_chua.R", r = R.version.string, cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "mee_chua.json")
