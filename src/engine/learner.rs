//! A network that learns: its optimizer, and its moving average where there is one.

use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::engine::networks::{Networks, State};
use crate::nn::weights;
use crate::optim::adam::{self, Adam, AdamConfig};
use crate::optim::average;

/// A network's gradients, one flat array per parameter in the network's own order.
pub type Gradients<B> = Vec<Tensor<<B as AutodiffBackend>::InnerBackend, 1>>;

/// A network, its Adam optimizer, and its moving average where there is one.
#[derive(Clone, Debug)]
pub struct Learner<B: AutodiffBackend, M: AutodiffModule<B>> {
    /// What the names of all its arrays begin with in a checkpoint.
    prefix: String,
    name: &'static str,
    module: M,
    adam: Adam<B::InnerBackend>,
    average: Option<Average<M::InnerModule>>,
}

#[derive(Clone, Debug)]
struct Average<M> {
    name: &'static str,
    module: M,
    decay: f64,
}

impl<B: AutodiffBackend, M: AutodiffModule<B>> Learner<B, M> {
    /// `module`, which checkpoints call `name`; its optimizer is `adam.` and that name.
    pub fn new(name: &'static str, module: M, adam: AdamConfig) -> Self {
        Self { prefix: String::new(), name, module, adam: Adam::new(adam), average: None }
    }

    /// Keeps the moving average of the weights too, which checkpoints call `name`; none where
    /// `decay` is 0.
    pub fn with_average(mut self, name: &'static str, decay: f64) -> Self {
        let average = || Average { name, module: self.module.valid(), decay };
        self.average = (decay > 0.0).then(average);
        self
    }

    /// Puts `prefix` before all names, to tell networks of several such sets apart.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The network.
    pub fn module(&self) -> &M {
        &self.module
    }

    /// The network to use after training: the moving average where there is one.
    pub fn averaged(&self) -> M::InnerModule {
        match &self.average {
            Some(average) => average.module.clone(),
            None => self.module.valid(),
        }
    }

    /// The network's gradients, taken out of `gradients`.
    pub(super) fn gradients(&self, gradients: &mut B::Gradients) -> Gradients<B> {
        adam::gradients(&self.module, gradients)
    }

    /// One update of the network, and of its average.
    pub(super) fn update(&mut self, gradients: Gradients<B>, learning_rate: f64) {
        self.module = self.adam.step(self.module.clone(), gradients, learning_rate);
        if let Some(Average { name, module, decay }) = self.average.take() {
            let now = average::warmed_up(decay, self.adam.steps());
            let module = average::update(module, &self.module.valid(), now);
            self.average = Some(Average { name, module, decay });
        }
    }

    /// Replaces the network by what `change` makes of it.
    pub fn change(&mut self, change: impl FnOnce(M) -> M) {
        self.module = change(self.module.clone());
    }

    /// A `[1]` that is finite if the gradients of the last update were; none before the first.
    pub fn finite(&self) -> Option<Tensor<B::InnerBackend, 1>> {
        self.adam.finite()
    }

    fn names(&self) -> [String; 2] {
        let Self { prefix, name, .. } = self;
        [format!("{prefix}{name}"), format!("{prefix}adam.{name}")]
    }
}

/// One network may be all that a recipe needs.
impl<B: AutodiffBackend, M: AutodiffModule<B>> Networks<B> for Learner<B, M> {
    fn save(&self, state: &mut State) {
        let module = self.module.valid();
        let [name, adam] = self.names();
        state.weights.extend(weights::collect(&module, &name));
        if let Some(average) = &self.average {
            let name = format!("{}{}", self.prefix, average.name);
            state.weights.extend(weights::collect(&average.module, &name));
        }
        state.weights.extend(self.adam.state(&module, &adam));
        let before = state.updates.insert(name.clone(), self.adam.steps());
        assert!(before.is_none(), "two networks of a run are called {name}");
    }

    fn restore(self, state: &mut State, device: &B::Device) -> Result<Self, String> {
        let [name, adam] = self.names();
        let module = weights::apply(self.module, &name, &mut state.weights)?;
        let average = match self.average {
            Some(Average { name, module, decay }) => {
                let path = format!("{}{name}", self.prefix);
                let module = weights::apply(module, &path, &mut state.weights)?;
                Some(Average { name, module, decay })
            }
            None => None,
        };
        let updates = state.updates.remove(&name);
        let updates = updates.ok_or_else(|| format!("the updates of {name} are missing"))?;
        let config = self.adam.config().clone();
        let valid = module.valid();
        let adam = Adam::restore(config, updates, &valid, &adam, &mut state.weights, device)?;
        Ok(Self { prefix: self.prefix, name: self.name, module, adam, average })
    }

    fn free(&mut self) {
        self.adam = Adam::new(self.adam.config().clone());
        self.average = None;
    }
}
