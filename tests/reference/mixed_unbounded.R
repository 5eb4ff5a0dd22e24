# Reference values where the variance between groups may be negative:
# Rscript tests/reference/mixed_unbounded.R. Writes mixed_unbounded.json beside this file.
#
# Estimates, errors, variances and likelihood come from nlme::gls with compound symmetry. Satterthwaite
# degrees of freedom come from numerical derivatives (numDeriv) of the same likelihood, written out
# below without any shortcut; Kenward-Roger from pbkrtest's own functions on the covariance found.
suppressMessages({library(nlme); library(numDeriv); library(pbkrtest); library(lmerTest); library(jsonlite)})
RNGkind("Mersenne-Twister", "Inversion", "Rejection")

visits <- function(counts) rep(sprintf("p%03d", seq_along(counts)), counts)
# Errors of compound symmetry: a patient's mean of n rows has variance sigma^2 (1 + n theta) / n.
alike <- function(patient, theta, sigma) {
  e <- rnorm(length(patient), sd = sigma); n <- ave(e, patient, FUN = length)
  e - (1 - sqrt(1 + n * theta)) * ave(e, patient)
}
layout <- function(seed, theta, counts, formula, test, columns) {
  set.seed(seed)
  p <- visits(counts); d <- columns(p, counts)
  d$y <- round(d$line + alike(p, theta, 5), 4); d$patient <- p; d$line <- NULL
  list(formula = formula, test = test, data = d)
}
sides <- function(p, counts) {
  side <- unlist(lapply(counts, function(k) if (k == 2) 0:1 else sample(0:1, 1)))
  data.frame(side, line = 40 + 4 * side)
}
arms <- function(p, counts) {
  arm <- rep(seq_along(counts) %% 2, counts); visit <- sequence(counts); x <- round(rnorm(length(p)), 3)
  data.frame(arm, visit, x, line = 20 + 4 * arm + 2 * visit + x)
}

layouts <- list(
  negative_split_face = layout(1, -0.35, rep(2, 12), y ~ side, "side", sides),
  negative_split_face_incomplete = layout(2, -0.4, c(rep(2, 14), rep(1, 6)), y ~ side, "side", sides),
  negative_near_edge = layout(3, -0.49, rep(2, 10), y ~ side, "side", sides),
  negative_one_sample = layout(4, -0.15, c(2, 3, 5, 4, 5, 2, 5, 3, 5, 4), y ~ 1, "(Intercept)",
                               function(p, counts) data.frame(line = rep(25, length(p)))),
  negative_arms = layout(5, -0.2, rep(4, 8), y ~ arm, "arm", arms),
  negative_arms_visits = layout(6, -0.25, rep(3, 16), y ~ arm * visit, c("arm", "arm:visit"), arms),
  negative_unbalanced = layout(7, -0.12, rep(c(2, 3, 4, 7), 4), y ~ arm + visit + x, c("arm", "visit", "x"), arms),
  negative_six_patients = layout(8, -0.25, rep(3, 6), y ~ arm + x, c("arm", "x"), arms),
  slightly_negative = layout(21, -0.01, rep(c(1, 2, 4, 5), 5), y ~ arm + x, c("arm", "x"), arms),
  positive_split_face_incomplete = layout(11, 1, c(rep(2, 14), rep(1, 6)), y ~ side, "side", sides),
  positive_unbalanced = layout(12, 0.5, rep(c(1, 2, 4, 7), 4), y ~ arm + visit + x, c("arm", "x"), arms)
)

# REML log-likelihood from the full covariance matrix. Its parameters are the logarithms of the
# variance of the largest groups' means and of the variance within, so that no step of a numerical
# derivative leaves the range.
largest <- function(same) max(rowSums(same))
variances <- function(u, same) { within <- exp(u[2]); c(exp(u[1]) - within / largest(same), within) }
logarithms <- function(v, same) c(log(v[1] + v[2] / largest(same)), log(v[2]))
likelihood <- function(u, y, X, same) {
  v <- variances(u, same); covariance <- v[1] * same + v[2] * diag(length(y))
  vx <- solve(covariance, X); a <- t(X) %*% vx; r <- y - X %*% solve(a, t(vx) %*% y)
  logs <- determinant(covariance)$modulus + determinant(a)$modulus + (length(y) - ncol(X)) * log(2 * pi)
  -0.5 * as.numeric(logs + t(r) %*% solve(covariance, r))
}
steps <- list(d = 0.01)
precision <- function(v, x, same) solve(t(x) %*% solve(v[1] * same + v[2] * diag(nrow(x)), x))

satterthwaite <- function(beta, v, y, x, same, L) {
  u <- logarithms(v, same)
  spread <- solve(-hessian(likelihood, u, method.args = steps, y = y, X = x, same = same))
  df_of <- function(rows) {
    values <- function(u) diag(rows %*% precision(variances(u, same), x, same) %*% t(rows))
    slope <- jacobian(values, u, method.args = steps)
    2 * values(u)^2 / rowSums((slope %*% spread) * slope)
  }
  turned <- eigen(L %*% precision(v, x, same) %*% t(L), symmetric = TRUE)
  rows <- t(turned$vectors) %*% L
  f <- mean((rows %*% beta)^2 / turned$values); df <- lmerTest:::get_Fstat_ddf(df_of(rows))
  list(covariance = precision(v, x, same), df = df_of(diag(ncol(x))),
       test = list(f = f, df_den = df, p_value = pf(f, nrow(L), df, lower.tail = FALSE)))
}

kenward_roger <- function(beta, v, y, x, same, L) {
  G <- list(same, diag(length(y)))
  sigma_g <- list(Sigma = Matrix::Matrix(v[1] * same + v[2] * diag(length(y))), G = G, n.ggamma = 2)
  phi <- precision(v, x, same)
  adjusted <- pbkrtest:::vcovAdj_internal(phi, sigma_g, x)
  one <- function(rows) pbkrtest:::.KR_adjust(adjusted, phi, rows, beta, 0 * beta)
  joint <- one(L)
  list(covariance = as.matrix(adjusted),
       df = sapply(seq_along(beta), function(j) one(diag(length(beta))[j, , drop = FALSE])$ddf),
       test = list(f = joint$Fstat, df_den = joint$ddf, p_value = joint$p.value))
}

# The optimiser of gls stops at about six digits of the correlation; Newton steps add the rest.
polish <- function(v, ...) {
  u <- logarithms(v, list(...)$same)
  for (i in 1:4) u <- u - solve(hessian(likelihood, u, method.args = steps, ...),
                                grad(likelihood, u, method.args = steps, ...))
  variances(u, list(...)$same)
}

fit_layout <- function(l) {
  d <- l$data
  control <- glsControl(tolerance = 1e-10, msTol = 1e-14, maxIter = 200, msMaxIter = 500)
  fit <- do.call(gls, list(l$formula, d, corCompSymm(form = ~ 1 | patient), method = "REML", control = control))
  rho <- unname(coef(fit$modelStruct$corStruct, unconstrained = FALSE))
  x <- model.matrix(l$formula, d); same <- outer(d$patient, d$patient, "==") * 1
  v <- polish(fit$sigma^2 * c(rho, 1 - rho), y = d$y, X = x, same = same)
  exact <- corCompSymm(v[1] / sum(v), form = ~ 1 | patient, fixed = TRUE)
  fit <- do.call(gls, list(l$formula, d, exact, method = "REML"))
  L <- diag(ncol(x))[match(l$test, colnames(x)), , drop = FALSE]
  result <- function(method) {
    r <- method(coef(fit), v, d$y, x, same, L); error <- sqrt(diag(r$covariance))
    list(coefficients = list(estimate = I(unname(coef(fit))), std_error = I(unname(error)), df = I(r$df),
                             p_value = I(unname(2 * pt(-abs(coef(fit)) / error, r$df)))),
         test = c(list(columns = I(l$test), df_num = nrow(L)), r$test))
  }
  list(
    call = sprintf("nlme::gls(%s, corCompSymm(form = ~ 1 | patient), method = 'REML')", deparse1(l$formula)),
    columns = I(colnames(x)), x = unname(x), y = d$y, patient = d$patient,
    variance_between = v[1], variance_within = v[2], log_likelihood = as.numeric(logLik(fit)),
    gls_correlation = rho, gls_error = I(unname(sqrt(diag(fit$varBeta)))), gls_variance = fit$sigma^2,
    satterthwaite = result(satterthwaite), kenward_roger = result(kenward_roger)
  )
}

t_test <- function(name, make) {
  k <- make(layouts[[name]]$data)
  list(layout = name, t = unname(k$statistic), df = unname(k$parameter), p_value = k$p.value,
       ci_low = k$conf.int[1], ci_high = k$conf.int[2])
}
paired <- t_test("negative_split_face", function(d)
  t.test(d$y[d$side == 1], d$y[d$side == 0], paired = TRUE))
patient_means <- t_test("negative_arms", function(d) {
  m <- aggregate(cbind(y, arm) ~ patient, d, mean)
  t.test(m$y[m$arm == 1], m$y[m$arm == 0], var.equal = TRUE)
})

packages <- c("nlme", "numDeriv", "pbkrtest", "lmerTest")
file <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
write_json(
  list(
    generator = "tests/reference/mixed_unbounded.R", r = R.version.string,
    packages = as.list(sapply(packages, function(p) as.character(packageVersion(p)))),
    layouts = lapply(layouts, fit_layout),
    paired = c(list(call = "t.test(treated, control, paired = TRUE)"), paired),
    patient_means = c(list(call = "t.test(means of treated, of control, var.equal = TRUE)"), patient_means)
  ),
  file.path(dirname(file), "mixed_unbounded.json"), digits = I(17), auto_unbox = TRUE, null = "null"
)
