# Writes imputation.json beside this script. Run: Rscript imputation.R
# Pooling: mice. Draws: the posterior predictive distribution of the missing outcomes, integrated numerically over
# the variance ratio with full covariance matrices, without sums or shortcuts; and, in a large sample, what lme4's
# estimates imply for them.
suppressMessages({library(mice); library(lme4); library(jsonlite)})
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))

# --- Rubin's rules -----------------------------------------------------------------------------------------------
pool_case <- function(name, q, u, dfcom, null = 0, level = 0.95) {
  p <- pool.scalar(q, u, n = dfcom + 1, k = 1, rule = "rubin1987")
  lambda <- (1 + 1 / p$m) * p$b / p$t
  # mice holds lambda at 1e-4 or above; below that the formula of Barnard and Rubin is written out.
  old <- (p$m - 1) / lambda^2; observed <- (dfcom + 1) / (dfcom + 3) * dfcom * (1 - lambda)
  plain <- 1 / (1 / old + if (is.finite(dfcom)) 1 / observed else 0)
  df <- if (lambda < 1e-4) plain else p$df
  fmi <- if (lambda < 1e-4) (p$r + 2 / (df + 3)) / (p$r + 1) else p$fmi
  half <- qt((1 + level) / 2, df) * sqrt(p$t)
  list(name = name, call = "mice::pool.scalar(Q, U, n = dfcom + 1, k = 1, rule = 'rubin1987')",
       estimates = q, variances = u, df_complete = if (is.finite(dfcom)) dfcom else "inf", null = null,
       confidence_level = level, lambda = lambda, mice_df = p$df,
       expected = list(estimate = p$qbar, within = p$ubar, between = p$b, std_error = sqrt(p$t),
                       df = if (is.finite(df)) df else "inf", relative_increase = p$r, fraction_missing = fmi,
                       ci_low = p$qbar - half, ci_high = p$qbar + half,
                       p_value = 2 * pt(-abs(p$qbar - null) / sqrt(p$t), df)))
}
set.seed(11)
q20 <- round(rnorm(20, 6, 1.5), 4); u20 <- round(rchisq(20, 30) / 12, 4)
q5 <- c(4.1, 5, 4.6, 3.9, 4.4); u5 <- c(1.2, 1.1, 1.3, 1.2, 1.25)
pooling <- list(
  pool_case("twenty, 28 df", q20, u20, 28), pool_case("twenty, large sample", q20, u20, Inf),
  pool_case("twenty, other level and null", q20, u20, 11.37, null = 5, level = 0.9),
  pool_case("five, 9.5 df", q5, u5, 9.5), pool_case("five, large sample", q5, u5, Inf),
  pool_case("two", c(-0.3, 0.4), c(0.02, 0.03), 40), pool_case("mostly missing", q5, u5 / 10, 15),
  pool_case("little missing", 4 + q5 / 40, u5, 15),
  pool_case("next to nothing missing", 4 + q5 / 1000, u5, 15),
  pool_case("all equal, 30 df", rep(2.5, 6), seq(0.5, 1, 0.1), 30),
  pool_case("all equal, large sample", rep(2.5, 6), seq(0.5, 1, 0.1), Inf))

# --- Posterior predictive distribution, exact --------------------------------------------------------------------
# Given theta the missing outcomes have a multivariate t distribution with n - p df; mixture over theta by the
# trapezoid rule in log(1 + theta). The prior is Jeffreys', from traces of full matrices.
predictive <- function(d, X) {
  o <- !is.na(d$y); y <- d$y[o]; x <- X[o, , drop = FALSE]; xm <- X[!o, , drop = FALSE]
  same <- outer(d$patient, d$patient, "==") * 1
  n <- sum(o); nu <- n - ncol(X); v <- seq(0, 14, length.out = 4001)
  at <- function(v) {
    theta <- exp(v) - 1; V <- theta * same[o, o] + diag(n); inverse <- solve(V)
    A <- t(x) %*% inverse %*% x; beta <- solve(A, t(x) %*% inverse %*% y); r <- y - x %*% beta
    rss <- as.numeric(t(r) %*% inverse %*% r)
    wJ <- inverse %*% same[o, o]; information <- sum(wJ * t(wJ)) - sum(diag(wJ))^2 / n
    K <- theta * same[!o, o] %*% inverse; rest <- xm - K %*% x
    spread <- theta * same[!o, !o] + diag(sum(!o)) - theta * K %*% same[o, !o] + rest %*% solve(A, t(rest))
    list(log = v + 0.5 * log(information) - 0.5 * as.numeric(determinant(V)$modulus + determinant(A)$modulus) -
           nu / 2 * log(rss), mean = as.vector(xm %*% beta + K %*% r), spread = rss / nu * spread)
  }
  points <- lapply(v, at)
  weight <- sapply(points, `[[`, "log"); weight <- exp(weight - max(weight))
  weight <- weight * c(0.5, rep(1, length(v) - 2), 0.5); weight <- weight / sum(weight)
  means <- sapply(points, `[[`, "mean"); centre <- as.vector(means %*% weight)
  covariance <- Reduce(`+`, Map(function(w, p) w * (nu / (nu - 2) * p$spread + tcrossprod(p$mean - centre)), weight, points))
  below <- function(z) {
    limit <- centre + z * sqrt(diag(covariance))
    scale <- sapply(points, function(p) sqrt(diag(p$spread)))
    as.vector(pt((limit - means) / scale, nu) %*% weight)
  }
  list(mean = centre, covariance = covariance,
       below = list(list(z = -2, share = below(-2)), list(z = 0.5, share = below(0.5)), list(z = 1.5, share = below(1.5))))
}

study <- function(seed, counts, tau, sigma, gone) {
  set.seed(seed)
  patient <- rep(seq_along(counts), counts); n <- length(patient)
  side <- sequence(counts) %% 2; severity <- round(rnorm(length(counts)), 2)[patient]
  y <- round(40 + 5 * side - 4 * severity + rnorm(length(counts), sd = tau)[patient] + rnorm(n, sd = sigma), 3)
  y[gone] <- NA
  data.frame(y, patient, side, severity)
}
exact_case <- function(name, d, columns) {
  X <- cbind(1, as.matrix(d[columns]))
  list(name = name, call = "posterior predictive, trapezoid rule over the ratio, full matrices", y = d$y,
       x = unname(X), patient = d$patient, expected = predictive(d, X))
}
exact <- list(
  exact_case("uneven, one patient without any", study(1, c(1, 2, 3, 4, 5, 2, 3, 4, 1, 2, 3, 3), 6, 4,
                                                     c(3, 6, 11, 16, 17, 18, 33)), c("side", "severity")),
  exact_case("split face, little between patients", study(2, rep(2, 10), 0.5, 6, c(4, 9, 16, 19, 20)), "side"),
  exact_case("one column, eight patients", study(3, rep(4, 8), 8, 3, c(2, 3, 4, 29, 30, 31, 32)), character(0)))

# --- Large sample: Henderson's equations at lme4's estimates -----------------------------------------------------
d <- study(4, rep(c(2, 3, 4), 80), 5, 4, integer(0))
d$y[rbinom(nrow(d), 1, plogis(-1.5 + d$severity)) == 1] <- NA
fit <- lmer(y ~ side + severity + (1 | patient), d, REML = TRUE, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12)))
v <- as.data.frame(VarCorr(fit))$vcov; theta <- v[1] / v[2]
o <- !is.na(d$y); X <- cbind(1, d$side, d$severity)
Z <- outer(d$patient, sort(unique(d$patient)), "==") * 1
W <- cbind(X, Z)
C <- crossprod(W[o, ]) + diag(c(rep(0, ncol(X)), rep(1 / theta, ncol(Z))))
inverse <- solve(C); solution <- inverse %*% crossprod(W[o, ], d$y[o])
large <- list(
  call = "lme4::lmer(y ~ side + severity + (1 | patient)); mean and error variance from the mixed-model equations",
  y = d$y, x = unname(X), patient = d$patient, variance_between = v[1], variance_within = v[2],
  lme4_difference = max(abs(fixef(fit) - solution[1:3])),
  expected = list(mean = as.vector(W[!o, ] %*% solution),
                  variance = v[2] * (1 + rowSums((W[!o, ] %*% inverse) * W[!o, ]))))

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact_digits <- function(x) rapply(x, function(v) { v[] <- ifelse(is.na(v), "@null", sprintf("@%.17g", v)); v },
                                   classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact_digits(list(
  generator = "tests/reference/imputation.R", r = R.version.string,
  packages = as.list(sapply(c("mice", "lme4"), function(p) as.character(packageVersion(p)))),
  pooling = pooling, exact = exact, large = large)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), file.path(here, "imputation.json"))
