//! SquareHead against numbers worked out by hand, and what a teacher leaves as it is.

use wafersim::exec::reference::{Reference, Tensors, random_inputs};
use wafersim::graph::{TensorRole, TrainGraph};
use wafersim::spec::workload::{Family, ModelSpec};

use super::{assert_close, distilled, graph, model, reference};

/// The results of the op called `name` where its operands are as given.
fn results(graph: &TrainGraph, name: &str, operands: &[&[f64]]) -> Vec<Vec<f64>> {
    let op = graph.op_named(name).unwrap();
    let mut tensors = Tensors::new();
    for (&id, values) in op.inputs.iter().zip(operands) {
        tensors.set(id, values.to_vec());
    }
    reference(graph, 0.0).evaluate_op(op.id, &tensors).unwrap()
}

#[test]
fn squarehead_is_as_worked_out_by_hand() {
    let model = ModelSpec { layers: 2, hidden: 2, heads: 1, kv_heads: 1, ..model(Family::Llama) };
    let graph = TrainGraph::with_teacher(&model, 1, 2, 3.0).unwrap();
    // The differences 1, 0, 0, 1 have the mean square 1/2, the teacher 4, to which 1/128 is added: one mean over both
    // tokens, not one for each.
    let (h, teacher) = ([1.0, 0.0, 0.0, 5.0], [0.0, 0.0, 0.0, 4.0]);
    let scale = 4.0 + 1.0 / 128.0;
    let [sums] = results(&graph, "layers.0.squarehead.sums", &[&h, &teacher]).try_into().unwrap();
    assert_close(&sums, &[1.0, 0.0, 1.0, 16.0], "sums");
    let [distance, rate] = results(&graph, "layers.0.squarehead", &[&sums]).try_into().unwrap();
    assert_close(&distance, &[0.5 / scale], "distance");
    assert_close(&rate, &[0.75 / scale], "3 for each of 4 elements");
    // 3 times 2 (h - teacher) / 4 elements.
    let [gradient] =
        results(&graph, "layers.1.squarehead.sums.dx", &[&h, &teacher, &rate]).try_into().unwrap();
    assert_close(&gradient, &[1.5 / scale, 0.0, 0.0, 1.5 / scale], "gradient");
    let [total] = results(&graph, "loss.total", &[&[2.0], &[0.25], &[0.5]]).try_into().unwrap();
    assert_close(&total, &[2.0 + 3.0 * 0.75], "cross-entropy and three times the distances");
}

/// Values of the teacher out of those of the student, by name.
fn teach_the_same(graph: &TrainGraph, inputs: &mut Tensors) {
    for tensor in graph.tensors().iter().filter(|tensor| tensor.role == TensorRole::TeacherParameter) {
        let of_student = graph.tensor_named(tensor.name.strip_prefix("teacher.").unwrap()).unwrap();
        let values = inputs.get(of_student.id).unwrap().to_vec();
        inputs.set(tensor.id, values);
    }
}

#[test]
fn a_student_that_equals_its_teacher_trains_as_without_one() {
    for family in [Family::Llama, Family::Gpt3, Family::Gptj] {
        let (alone, taught) = (graph(family), distilled(family, 2.0));
        let mut inputs = random_inputs(&taught, 1);
        teach_the_same(&taught, &mut inputs);
        let step = reference(&taught, 0.0).evaluate(inputs).unwrap();
        let own = reference(&alone, 0.0).evaluate(same_inputs(&alone, &taught, &step)).unwrap();
        for parameter in alone.parameters() {
            let twin = taught.tensor_named(&parameter.name).unwrap();
            let gradient = |graph: &TrainGraph, values: &Tensors, id| {
                values.get(graph.gradient(id).unwrap()).unwrap().to_vec()
            };
            let found = gradient(&taught, &step, twin.id);
            assert_close(&found, &gradient(&alone, &own, parameter.id), &parameter.name);
        }
        assert_eq!(step.get(taught.ends().loss), own.get(alone.ends().loss));
    }
}

/// What no op of `graph` makes, by name out of the values of another.
fn same_inputs(graph: &TrainGraph, of: &TrainGraph, values: &Tensors) -> Tensors {
    let mut inputs = Tensors::new();
    for tensor in graph.tensors().iter().filter(|tensor| graph.producer(tensor.id).is_none()) {
        let twin = of.tensor_named(&tensor.name).unwrap();
        inputs.set(tensor.id, values.get(twin.id).unwrap().to_vec());
    }
    inputs
}

#[test]
fn zeros_of_the_student_are_not_the_teachers() {
    let graph = distilled(Family::Llama, 1.0);
    let mut inputs = random_inputs(&graph, 1);
    teach_the_same(&graph, &mut inputs);
    let (dense, sparse) = (reference(&graph, 0.0), reference(&graph, 0.5));
    let states = |of: &Reference<'_>, name: &str| {
        of.evaluate(inputs.clone()).unwrap().get(graph.tensor_named(name).unwrap().id).unwrap().to_vec()
    };
    let (student, teacher) = ("layers.1.mlp.residual", "teacher.layers.1.mlp.residual");
    assert_eq!(states(&sparse, teacher), states(&dense, teacher));
    assert_eq!(states(&dense, student), states(&dense, teacher));
    assert_ne!(states(&sparse, student), states(&sparse, teacher));
}
