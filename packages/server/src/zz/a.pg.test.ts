import {test,expect} from "vitest"; test("x",async ()=>{await new Promise(r=>setTimeout(r,60000))})
