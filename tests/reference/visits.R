# Writes visits.json beside this script: repeated visits with an unstructured covariance within patients.
# Estimates, errors and likelihood by nlme::gls; Satterthwaite df from numDeriv's derivatives of the REML likelihood in
# the Cholesky factor, on full matrices; Kenward-Roger by pbkrtest's own formulas, given V and its derivatives. A covariance of
# each arm: gls of each arm alone where they share no column, and the same likelihood, maximised by optim, where they do. Run: Rscript visits.R
suppressMessages({library(nlme); library(numDeriv); library(pbkrtest); library(jsonlite)})

set.seed(53)
trial <- function(n, visits, missing, growth = 1, baseline = TRUE) {
  d <- expand.grid(visit = seq_len(visits), id = seq_len(n))
  d$arm <- d$id %% 2
  d$base <- round(rnorm(n, 10, 2), 3)[d$id]
  own <- rnorm(n); spread <- seq(1, growth, length.out = visits)
  d$y <- round(d$base * 0.4 + 0.5 * d$arm * d$visit + spread[d$visit] * (own[d$id] + 0.8 * rnorm(nrow(d))), 6)
  d <- d[runif(nrow(d)) >= missing, ]
  v <- factor(d$visit)
  x <- if (baseline) model.matrix(~ 0 + v + v:arm + v:base, d) else model.matrix(~ 0 + v + v:arm, d)
  list(d = d, x = x)
}
growth <- local({
  d <- data.frame(id = as.integer(factor(Orthodont$Subject, ordered = FALSE)), visit = match(Orthodont$age, c(8, 10, 12, 14)),
                  y = Orthodont$distance, arm = as.numeric(Orthodont$Sex == "Female"), age = Orthodont$age - 11)
  list(d = d, x = model.matrix(~ arm * age, d))
})
holes <- growth; keep <- runif(108) > 0.3; holes$d <- holes$d[keep, ]; holes$x <- holes$x[keep, ]
cases <- list(
  growth_complete = growth, growth_holes = holes,
  complete = trial(20, 3, 0, 2, FALSE), small_holes = trial(24, 3, 0.2, 3), four_visits = trial(40, 4, 0.25, 2),
  two_visits = trial(16, 2, 0.2, 1.5, FALSE)
)

shuffled <- function(case) {
  o <- sample(nrow(case$d)); d <- case$d[o, ]; x <- case$x[o, ]; colnames(x) <- paste0("x", seq_len(ncol(x)))
  list(d = d, x = x)
}
by_gls <- function(d, x) {
  y <- d$y
  gls(reformulate(c("0", colnames(x)), "y"), correlation = corSymm(form = ~ visit | id), weights = varIdent(form = ~ 1 | visit),
             data = data.frame(y, visit = d$visit, id = d$id, x), method = "REML",
             control = glsControl(tolerance = 1e-12, msTol = 1e-12, msMaxIter = 1000, maxIter = 1000, opt = "nlminb"))
}
result <- function(case) {
  case <- shuffled(case); d <- case$d; t <- max(d$visit)
  fit <- by_gls(d, case$x); start <- t(chol(cov_of(fit, d, t)))
  numbers <- at_maximum(case, d$visit, start[lower.tri(start, TRUE)], lower.tri(diag(t), TRUE))
  numbers$expected <- c(list(log_likelihood = as.numeric(logLik(fit)), gls_estimate = as.numeric(coef(fit)),
                             gls_error = as.numeric(sqrt(diag(vcov(fit))))), numbers$expected)
  numbers
}
# A covariance of each arm: visits of the second arm stand after those of the first, and nothing across arms.
result_arms <- function(case) {
  case <- shuffled(case); d <- case$d; t <- max(d$visit)
  own <- kronecker(diag(2), matrix(1, t, t)) > 0 & lower.tri(diag(2 * t), TRUE)
  start <- 0.3 * own; diag(start) <- sd(residuals(lm(d$y ~ 0 + case$x)))
  numbers <- at_maximum(case, d$visit + t * d$arm, start[own], own, search = TRUE)
  if (is.null(case$d$shared)) {
    fits <- lapply(0:1, function(a) by_gls(d[d$arm == a, ], model.matrix(~ 0 + factor(visit), d[d$arm == a, ]) |>
                                             (\(m) { colnames(m) <- paste0("x", seq_len(t)); m })()))
    numbers$separate <- list(log_likelihood = sum(sapply(fits, logLik)), difference = as.numeric(coef(fits[[2]]) - coef(fits[[1]])),
                             error = as.numeric(sqrt(diag(vcov(fits[[1]])) + diag(vcov(fits[[2]])))))
  }
  c(numbers, list(arm = d$arm))
}
at_maximum <- function(case, place, theta, free, search = FALSE) {
  d <- case$d; x <- case$x; y <- d$y; n <- nrow(x); p <- ncol(x); t <- nrow(free)
  same <- outer(d$id, d$id, "==")
  big <- function(s) s[place, place] * same
  factor_of <- function(theta) { l <- matrix(0, t, t); l[free] <- theta; l }
  sigma_of <- function(theta) tcrossprod(factor_of(theta))
  phi_of <- function(theta) solve(t(x) %*% solve(big(sigma_of(theta)), x))
  loglik <- function(theta) {
    v <- big(sigma_of(theta)); w <- solve(v); xwx <- t(x) %*% w %*% x
    r <- y - x %*% solve(xwx, t(x) %*% w %*% y)
    as.numeric(-0.5 * (determinant(v)$modulus + determinant(xwx)$modulus + t(r) %*% w %*% r + (n - p) * log(2 * pi)))
  }
  if (search) theta <- optim(theta, loglik, method = "BFGS", control = list(fnscale = -1, reltol = 1e-12, maxit = 2000))$par
  for (i in 1:4) theta <- theta - solve(hessian(loglik, theta), grad(loglik, theta))
  sigma <- sigma_of(theta); phi <- phi_of(theta); w <- solve(big(sigma))
  beta <- as.numeric(phi %*% t(x) %*% w %*% y)
  spread <- solve(-hessian(loglik, theta))
  moves <- jacobian(function(th) { w <- solve(big(sigma_of(th))); as.numeric(solve(t(x) %*% w %*% x, t(x) %*% w %*% y)) }, theta)
  widened <- phi + 2 * moves %*% spread %*% t(moves)
  g <- list()
  for (a in 1:t) for (b in a:t) if (free[b, a]) { e <- matrix(0, t, t); e[a, b] <- e[b, a] <- 1; g <- c(g, list(big(e))) }
  adjusted <- pbkrtest:::vcovAdj_internal(Matrix(phi), list(Sigma = Matrix(big(sigma)), G = lapply(g, Matrix), n.ggamma = length(g)), x)
  rows <- rbind(diag(p), c(1, -1, rep(0, p - 2)), c(1, rep(1, p - 1)))
  single <- apply(rows, 1, function(l) {
    slope <- grad(function(th) as.numeric(t(l) %*% phi_of(th) %*% l), theta)
    v <- as.numeric(t(l) %*% phi %*% l)
    kr <- pbkrtest:::.KR_adjust(adjusted, Matrix(phi), matrix(l, 1), beta, rep(0, p))
    c(estimate = sum(l * beta), std_error = sqrt(v), observed = sqrt(as.numeric(t(l) %*% widened %*% l)), df = as.numeric(2 * v^2 / (t(slope) %*% spread %*% slope)),
      kr_error = sqrt(as.numeric(t(l) %*% as.matrix(adjusted) %*% l)), kr_df = kr$ddf)
  })
  both <- diag(p)[(p - 1):p, ]
  kr <- pbkrtest:::.KR_adjust(adjusted, Matrix(phi), both, beta, rep(0, p))
  list(y = y, x = x, columns = colnames(x), patient = d$id, visit = d$visit, weights = rows,
       expected = list(maximum = loglik(theta), sigma = sigma, estimate = single["estimate", ],
                       std_error = single["std_error", ], observed_error = single["observed", ], df = single["df", ], kr_error = single["kr_error", ],
                       kr_df = single["kr_df", ]),
       last_two = list(f = kr$Fstat, df_num = kr$ndf, df_den = kr$ddf, p_value = kr$p.value))
}
cov_of <- function(fit, d, t) {
  r <- diag(t); r[lower.tri(r)] <- coef(fit$modelStruct$corStruct, unconstrained = FALSE); r <- r + t(r) - diag(t)
  scale <- c(1, rep(1, t - 1)); names(scale) <- as.character(unique(d$visit))
  ratio <- coef(fit$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)
  s <- fit$sigma * ratio[as.character(1:t)]
  outer(s, s) * r
}

alike <- lapply(cases, result)
# The small arm is the wide one; a baseline that both arms share ties the two together.
uneven <- function(n0, n1, visits, missing, shared) {
  case <- trial(n0 + n1, visits, missing, 2, FALSE); d <- case$d
  d$arm <- as.numeric(d$id > n0); d$y <- round(d$y * (1 + 2 * d$arm), 6); v <- factor(d$visit)
  if (shared) d$shared <- TRUE
  list(d = d, x = if (shared) model.matrix(~ 0 + v + v:arm + base, d) else model.matrix(~ 0 + v + v:arm, d))
}
arms <- list(means = uneven(24, 14, 3, 0.2, FALSE), shared = uneven(24, 14, 3, 0.2, TRUE), shared_two_visits = uneven(20, 9, 2, 0.2, TRUE))

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) {
  d <- dim(v); v <- sprintf("@%.17g", v); if (!is.null(d)) dim(v) <- d; v
}, classes = c("numeric", "integer", "matrix"), how = "replace")
versions <- sapply(c("nlme", "numDeriv", "pbkrtest"), function(p) as.character(packageVersion(p)))
json <- toJSON(exact(list(
  generator = "tests/reference/visits.R", r = R.version.string, packages = as.list(versions),
  calls = c("gls(correlation = corSymm(form = ~ visit | id), weights = varIdent(form = ~ 1 | visit), method = 'REML')",
            "optim(method = 'BFGS')", "numDeriv::hessian, numDeriv::grad, numDeriv::jacobian", "pbkrtest:::vcovAdj_internal, pbkrtest:::.KR_adjust"),
  cases = alike, arms = lapply(arms, result_arms))), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "visits.json")
